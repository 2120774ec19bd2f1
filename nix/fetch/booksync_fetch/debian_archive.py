"""Read .deb files (deb(5)) without dpkg: an ar archive with a compressed tar in it."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from booksync_fetch.errors import BootstrapError

AR_MAGIC = b"!<arch>\n"
HEADER_BYTES = 60


@contextmanager
def open_data(deb: Path) -> Iterator[tarfile.TarFile]:
    """Open the archive of a package's files.

    :raises BootstrapError: the file is no package, or compressed in a way that Python 3.9 does not know
    """
    content = deb.read_bytes()
    position = len(AR_MAGIC)
    while content.startswith(AR_MAGIC) and position < len(content):
        header = content[position : position + HEADER_BYTES]
        size = int(header[48:58])
        name = header[:16].strip()
        if name.startswith(b"data.tar"):
            member = content[position + HEADER_BYTES : position + HEADER_BYTES + size]
            if name.endswith(b".zst"):
                break
            with tarfile.open(fileobj=io.BytesIO(lzma.decompress(member) if name.endswith(b".xz") else member)) as tar:
                yield tar
            return
        position += HEADER_BYTES + size + size % 2
    raise BootstrapError(f"{deb.name}: expected a Debian package with data.tar or data.tar.xz, got another file")


def extract_busybox(deb: Path, folder: Path) -> Path:
    """Make ``folder`` with ``bin/busybox``, the one program of the package busybox-static, and return it.

    :raises BootstrapError: the package is none, or has no such program
    """
    with open_data(deb) as archive:
        for entry in archive:
            if entry.isfile() and entry.name.endswith("bin/busybox"):
                file = archive.extractfile(entry)
                assert file is not None
                target = folder / "bin/busybox"
                target.parent.mkdir(parents=True)
                target.write_bytes(file.read())
                target.chmod(0o755)
                return folder
    raise BootstrapError(f"{deb.name}: expected bin/busybox in it, found none; run: ./bootstrap update debian")


def unpack_package(deb: Path, root: Path) -> None:
    """Unpack a package's files below a root, in which bin and lib may be links into usr."""
    with open_data(deb) as archive:
        # nothing gets out of the root; Pythons that are too old for filters have none
        archive.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _: member)
        for entry in archive:
            if not (root / entry.name).is_dir():
                archive.extract(entry, root)
