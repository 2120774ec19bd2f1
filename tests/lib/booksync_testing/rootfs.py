"""Unpack an image into a directory, as an unprivileged user and without trusting the archive.

Owners cannot be kept (the tests read them from the tar headers), modes of files are. Directories stay writable for
their owner, so that whoever unpacked them can delete them: in the sandbox the root is mounted read-only anyway.
"""

import shutil
import tarfile
from pathlib import Path

from booksync_testing.layer import open_tar, parse_path
from booksync_testing.layout import CHUNK, Image, LayoutError

OWNER_ALL = 0o700

# what every container runtime adds to a root before it is mounted read-only
RUNTIME_DIRECTORIES = ("dev", "proc", "sys", "tmp", "run", "etc")
RUNTIME_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/hostname": "booksync\n",
    "etc/resolv.conf": "",
}


def write_root(image: Image, directory: Path) -> None:
    """Unpack every layer of an image, lowest first, and add what container runtimes add.

    :param directory: made here.
    :raises LayoutError: a member would leave the directory, or is not a file, directory or link.
    """
    directory.mkdir(parents=True)
    for layer in image.layers:
        image.layout.verify(layer)
        with open_tar(image.layout.blob(layer.digest)) as (archive, _, plain):
            for header in archive:
                _write_member(archive, header, root=directory)
            plain.drain()
    for name in RUNTIME_DIRECTORIES:
        _locate(directory, name).mkdir(exist_ok=True)
    for name, text in RUNTIME_FILES.items():
        path = _locate(directory, name)
        path.unlink(missing_ok=True)
        path.write_text(text)


def _locate(root: Path, path: str) -> Path:
    """Say where a member lies, refusing to pass through a symlink: upper layers name real directories."""
    place = root
    for part in path.split("/")[:-1]:
        place = place / part
        if place.is_symlink():
            raise LayoutError(f"{path}: {place.relative_to(root)} is a symlink; name the directory it leads to")
    return root / path


def _write_member(archive: tarfile.TarFile, header: tarfile.TarInfo, *, root: Path) -> None:
    path = parse_path(header.name)
    if path == "":
        return
    place = _locate(root, path)
    if place.name.startswith(".wh."):
        raise LayoutError(f"{path}: a whiteout; no layer of ours deletes what a lower one brings")
    if header.isdir():
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise LayoutError(f"{path}: a directory, where a lower layer has something else")
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(header.mode | OWNER_ALL)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.exists():
        raise LayoutError(f"{path}: is already in a lower layer")
    if header.issym():
        place.symlink_to(header.linkname)
    elif header.islnk():
        place.hardlink_to(_locate(root, parse_path(header.linkname)))
    elif header.isreg():
        content = archive.extractfile(header)
        assert content is not None
        with content, place.open("xb") as file:
            shutil.copyfileobj(content, file, CHUNK)
        place.chmod(header.mode & 0o7777)
    else:
        raise LayoutError(f"{path}: tar type {header.type!r} has no place in an image")
