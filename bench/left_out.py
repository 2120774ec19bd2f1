"""Measure what each thing that the image with torch leaves out would add to it, and write bench/left_out.md.

`python3 -m bench.left_out`, after `./bootstrap fetch prediction`: sizes are those that the locked wheels say of their
files, so that nothing is built.
"""

import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from bench.report import FOLDER

ROOT = FOLDER.parent
sys.path[:0] = [str(ROOT / "nix/builders"), str(ROOT / "nix/fetch")]

from booksync_build.debian import matches  # noqa: E402 - after the path
from booksync_fetch.cache import Cache, default_folder  # noqa: E402
from booksync_fetch.cli import Bootstrap  # noqa: E402
from booksync_fetch.progress import format_bytes  # noqa: E402

ARCHITECTURE = "amd64"
#: Of what stays, the largest are shown.
SHOWN = 12


@dataclass(frozen=True)
class File:
    """A file of a wheel.

    :param size: bytes
    :param packed: bytes, by deflate as the wheel has it
    """

    wheel: str
    path: PurePosixPath
    size: int
    packed: int


def list_files(wheels: Iterable[str], locked: Mapping[str, Any]) -> Iterator[File]:
    """Yield what locked wheels consist of, from the cache of `./bootstrap fetch`."""
    cache = Cache(default_folder())
    for wheel in wheels:
        path = cache.path(locked[wheel]["sha256"], locked[wheel]["file"])
        if not path.exists():
            raise SystemExit(
                f"{path}: expected the wheel of {wheel}, got no such file; run: ./bootstrap fetch prediction"
            )
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield File(wheel, PurePosixPath(entry.filename), entry.file_size, entry.compress_size)


def draw(files: Sequence[File]) -> str:
    """Return the cells of files: how many, and their bytes."""
    size, packed = sum(file.size for file in files), sum(file.packed for file in files)
    return f"{len(files)} | {format_bytes(size)} | {format_bytes(packed)}"


def main() -> int:
    """Add up, and write the report."""
    nix = Bootstrap(ROOT).nix
    image, everywhere = (
        json.loads(nix.run("nix", ["eval", "--json", "--file", str(ROOT / "nix/images" / file), attribute]))
        for file, attribute in (("services.nix", "prediction"), ("selection.nix", "wheels"))
    )
    lock = json.loads((ROOT / "nix/lock/wheels.json").read_text())
    locked, unused = lock["wheels"][ARCHITECTURE], image["withoutWheels"]
    files = list(list_files(sorted(set(lock["groups"][image["wheels"]][ARCHITECTURE]) - set(unused)), locked))
    rows: list[tuple[str, list[File]]] = []
    left: set[File] = set()

    def leave(what: str, found: Iterable[File]) -> None:
        of_it = [file for file in found if file not in left]
        left.update(of_it)
        if not of_it:
            raise SystemExit(f"{what}: expected files that it leaves out, got none")
        rows.append((what, of_it))

    for layer in image["wheelLayers"]:
        members = [file for file in files if re.fullmatch(layer["pattern"], file.wheel)]
        for pattern in layer["drop"]:
            leave(f"`{pattern}`", (file for file in members if matches(file.path, [pattern])))
    leave("what every image leaves out of wheels", (file for file in files if matches(file.path, everywhere)))
    stays = [file for file in files if file not in left]
    sizes: Counter[str] = Counter()
    for file in stays:
        sizes[file.wheel] += file.packed
    lines = [
        "# What the image with torch leaves out",
        "",
        "Made by `python3 -m bench.left_out` of the locked wheels for amd64: bytes as they are, and as the wheel has",
        "compressed them. Each is of what the ones above it have not left out already; why it can go is beside it in",
        "nix/images/services.nix, and that a GPU still works without all of it in [gpu](gpu.md).",
        "",
        "| left out | files | bytes | compressed |",
        "|---|---|---|---|",
        *(
            f"| the wheel {wheel}, which is not fetched | | | {format_bytes(locked[wheel]['size'])} |"
            for wheel in unused
        ),
        *(f"| {what} | {draw(of_it)} |" for what, of_it in rows),
        f"| all of these files | {draw(list(left))} |",
        f"| what stays | {draw(stays)} |",
        "",
        "The largest of what stays:",
        "",
        "| wheel | compressed |",
        "|---|---|",
        *(f"| {wheel} | {format_bytes(size)} |" for wheel, size in sizes.most_common(SHOWN)),
    ]
    (FOLDER / "left_out.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
