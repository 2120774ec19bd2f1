"""Install wheels into an image's tree, as a package installer would with /usr/local as prefix."""

import csv
import hashlib
import io
import os
import sys
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from booksync_build.attributes import build_directory, load_attributes, original_name, output_path
from booksync_build.bytecode import compile_tree
from booksync_build.debian import matches
from booksync_build.elf import strip_binaries

PREFIX = "/usr/local"
SITE_PACKAGES = f"{PREFIX}/lib/python3.12/site-packages"
INTERPRETER = f"{PREFIX}/bin/python3.12"


class WheelConflictError(Exception):
    """Two wheels want to write one file."""


def named_wheel(store_path: str) -> Path:
    """Return a link to a wheel under its own file name, which installers read."""
    folder = build_directory() / "wheels"
    folder.mkdir(exist_ok=True)
    link = folder / original_name(store_path)
    link.symlink_to(store_path)
    return link


def install_wheels(wheels: Sequence[Path], root: Path, *, installer: str) -> None:
    """Install wheels below ``root`` with pypa/installer (itself read from its wheel)."""
    sys.path.insert(0, installer)
    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.records import RecordEntry
    from installer.sources import WheelFile
    from installer.utils import Scheme

    class Destination(SchemeDictionaryDestination):
        """Lets wheels share a file of the same content, as the ``__init__.py`` of a namespace."""

        def write_to_fs(self, scheme: Scheme, path: str, stream: BinaryIO, is_executable: bool) -> RecordEntry:
            target = Path(f"{root}{self.scheme_dict[scheme]}", path)
            if target.exists():
                content = stream.read()
                if content != target.read_bytes():
                    raise WheelConflictError(f"{target}: two wheels have it, with other content; leave one out")
                stream = io.BytesIO(content)
            return super().write_to_fs(scheme, path, stream, is_executable)

    for wheel in sorted(wheels):
        with WheelFile.open(wheel) as source:
            destination = Destination(
                {
                    "purelib": SITE_PACKAGES,
                    "platlib": SITE_PACKAGES,
                    "headers": f"{PREFIX}/include/python3.12/{source.distribution}",
                    "scripts": f"{PREFIX}/bin",
                    "data": PREFIX,
                },
                interpreter=INTERPRETER,
                script_kind="posix",
                destdir=str(root),
                overwrite_existing=True,
            )
            install(source, destination, additional_metadata={"INSTALLER": b"booksync\n"})


def drop_files(root: Path, patterns: Sequence[str]) -> None:
    """Remove what ``patterns`` name, relative to site-packages."""
    site = root / SITE_PACKAGES.lstrip("/")
    for folder, _, files in os.walk(site, topdown=False):
        for name in files:
            path = Path(folder, name)
            if matches(PurePosixPath(path.relative_to(site)), patterns):
                path.unlink()
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def update_records(root: Path) -> None:
    """Make each RECORD say what is there now (PyPA: recording installed projects)."""
    site = root / SITE_PACKAGES.lstrip("/")
    for record in sorted(site.glob("*.dist-info/RECORD")):
        rows: list[tuple[str, str, str]] = []
        with record.open(newline="") as file:
            for path, digest, size in csv.reader(file):
                if not digest:
                    rows.append((path, digest, size))
                elif (site / path).exists():
                    with (site / path).open("rb") as content:
                        found = hashlib.file_digest(content, "sha256").digest()
                    encoded = urlsafe_b64encode(found).rstrip(b"=").decode()
                    rows.append((path, f"sha256={encoded}", str((site / path).stat().st_size)))
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    install_wheels([named_wheel(path) for path in attributes["wheels"]], out, installer=attributes["installer"])
    drop_files(out, attributes["drop"])
    if attributes["strip"]:
        strip_binaries(out, strip=attributes["strip"], symbols="--strip-unneeded")
    update_records(out)
    compile_tree(out, jobs=len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
