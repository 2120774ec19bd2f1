"""Unpack Debian packages into a tree, merged under /usr and described for scanners.

A .deb is an ar archive of control.tar and data.tar (deb(5)); no maintainer script is run: the
few effects of theirs that an image needs are steps of their own. What a package leaves behind
for scanners is ``var/lib/dpkg/status.d/NAME``, the form of the distroless images.
"""

import fnmatch
import io
import lzma
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from booksync_build.attributes import load_attributes, output_path

#: Folders of / that Debian keeps as symbolic links into /usr.
MERGED = ("bin", "sbin", "lib", "lib64")

AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60


class DebianPackageError(Exception):
    """A file is not the Debian package that it should be."""


def read_members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the ar members of a package."""
    with deb.open("rb") as file:
        if file.read(len(AR_MAGIC)) != AR_MAGIC:
            raise DebianPackageError(f"{deb.name}: expected an ar archive (deb(5)), got other data")
        while header := file.read(AR_HEADER_BYTES):
            size = int(header[48:58])
            yield header[:16].decode().strip().rstrip("/"), file.read(size)
            file.read(size % 2)


def open_member(deb: Path, stem: str) -> tarfile.TarFile:
    """Open control.tar or data.tar of a package."""
    for name, content in read_members(deb):
        if name == f"{stem}.tar.xz":
            return tarfile.open(fileobj=io.BytesIO(lzma.decompress(content)))
        if name.startswith(f"{stem}.tar"):
            return tarfile.open(fileobj=io.BytesIO(content))
    raise DebianPackageError(f"{deb.name}: expected a member {stem}.tar.*, found none")


def merged_path(name: str) -> PurePosixPath:
    """Return a member's path under the root, with /bin, /lib and their like moved into /usr."""
    path = PurePosixPath("/", name).relative_to("/")
    if ".." in path.parts:
        raise DebianPackageError(f"member {name!r}: expected a path below the root")
    if len(path.parts) > 1 and path.parts[0] in MERGED:
        return PurePosixPath("usr", path)
    return path


def matches(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Tell whether a path, or a folder above it, matches one of the patterns."""
    names = [str(path), *map(str, path.parents)]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


class Selection:
    """Which paths of packages get into a tree: all but ``drop``, except those of ``keep``.

    :param drop: fnmatch patterns of paths relative to the root; a folder's goes for all below it
    :param keep: patterns of paths that stay in spite of ``drop``
    """

    def __init__(self, *, drop: Sequence[str], keep: Sequence[str]) -> None:
        self.drop = drop
        self.keep = keep

    def __contains__(self, path: PurePosixPath) -> bool:
        return matches(path, self.keep) or not matches(path, self.drop)


def unpack(deb: Path, root: Path, selection: Selection) -> None:
    """Unpack one package under ``root``.

    :raises DebianPackageError: a file is already there from another package
    """
    kept: set[str] = set()
    with open_member(deb, "data") as archive:
        for member in archive:
            path = merged_path(member.name)
            target = root / path
            if member.isdir():
                if path in selection:
                    target.mkdir(parents=True, exist_ok=True)
                continue
            if path not in selection:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink() or target.exists():
                raise DebianPackageError(f"{deb.name}: {path} is already there from another package")
            kept.add(str(path))
            if member.issym():
                target.symlink_to(member.linkname)
            elif member.islnk():
                # a second copy: the store may link files on its own, a layer must not depend on it
                target.write_bytes((root / merged_path(member.linkname)).read_bytes())
                target.chmod(member.mode & 0o777)
            elif member.isfile():
                source = archive.extractfile(member)
                assert source is not None
                target.write_bytes(source.read())
                target.chmod(member.mode & 0o777)
            else:
                raise DebianPackageError(f"{deb.name}: {path} is neither file, folder nor link")
    write_status(deb, root / "var/lib/dpkg/status.d", kept)


def write_status(deb: Path, folder: Path, kept: set[str]) -> None:
    """Describe a package for scanners: its control file, and the MD5 sums of what was kept."""
    with open_member(deb, "control") as archive:
        members = {PurePosixPath(member.name).name: member for member in archive if member.isfile()}
        control = archive.extractfile(members["control"])
        assert control is not None
        text = control.read().decode()
        sums = archive.extractfile(members["md5sums"]) if "md5sums" in members else None
        lines = sums.read().decode().splitlines(keepends=True) if sums else []
    name = next(line for line in text.splitlines() if line.startswith("Package: ")).split()[1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    listed = [line for line in lines if str(merged_path(line.split(maxsplit=1)[1].strip())) in kept]
    if listed:
        (folder / f"{name}.md5sums").write_text("".join(listed))


def remove_empty_folders(root: Path, selection: Selection) -> None:
    """Remove folders that are left empty because what they held was dropped."""
    for folder, _, _ in os.walk(root, topdown=False):
        path = Path(folder)
        if path != root and not any(path.iterdir()) and PurePosixPath(path.relative_to(root)) not in selection:
            path.rmdir()


def main() -> None:
    attributes = load_attributes()
    root = output_path(attributes)
    selection = Selection(drop=attributes["drop"], keep=attributes["keep"])
    root.mkdir()
    for deb in attributes["debs"]:
        unpack(Path(deb), root, selection)
    remove_empty_folders(root, selection)


if __name__ == "__main__":
    main()
