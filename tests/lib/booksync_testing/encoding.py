"""Encode texts in images, and compare the vectors."""

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from booksync_testing.sandbox import Bind, load_tools
from booksync_testing.service import unpack

MINUTES = 10  # for a thousand texts
SCRIPTS = "/tmp/scripts"  # noqa: S108 - inside the sandbox
WORK = "/tmp/work"  # noqa: S108

type Vectors = list[list[float]]


@dataclass(frozen=True)
class Encoding:
    """Runs scripts that encode.

    :param images: layouts by name.
    :param scripts: the folder of the scripts.
    :param directory: for unpacked images.
    """

    images: Path
    scripts: Path
    directory: Path

    def run(self, script: str, *arguments: str, image: str, architecture: str, texts: Sequence[str]) -> Vectors:
        """Return a vector a text, as a script makes them in an image."""
        sandbox = unpack(
            load_tools(), images=self.images, name=image, architecture=architecture, directory=self.directory
        )
        work = Path(tempfile.mkdtemp(dir=self.directory))
        (work / "texts").write_text(json.dumps(texts))
        result = sandbox.run(
            *("/usr/local/bin/python3.12", f"{SCRIPTS}/{script}", f"{WORK}/texts", f"{WORK}/vectors", *arguments),
            entrypoint=False,
            binds=[Bind(self.scripts, SCRIPTS), Bind(work, WORK, "write")],
            timeout=MINUTES * 60,
        )
        assert result.code == 0, result.output
        return [json.loads(line) for line in (work / "vectors").read_text().splitlines()]


def list_cosines(left: Vectors, right: Vectors) -> list[float]:
    """Return the cosine of each pair."""
    return [
        math.sumprod(first, second) / math.hypot(*first) / math.hypot(*second)
        for first, second in zip(left, right, strict=True)
    ]
