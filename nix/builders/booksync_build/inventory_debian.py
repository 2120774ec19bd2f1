"""Which files of a tree come from which Debian package, by the packages' own archives."""

import email
import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from booksync_build.component import UNKNOWN_LICENCE, Component
from booksync_build.debian import merged_path, open_member
from booksync_build.licences import parse_debian_copyright


def parse_package(deb: Path, *, root: Path, source: str, sha256: str) -> tuple[Component, str]:
    """Read a package's control file and copyright; return it without files, and its name."""
    with open_member(deb, "control") as archive:
        member = next(member for member in archive if PurePosixPath(member.name).name == "control")
        control = email.message_from_string(_read(archive, member).decode())
    name, version, architecture = control["Package"], control["Version"], control["Architecture"]
    # "glibc", or "glibc (2.41-12)" where it is another version
    upstream = (control["Source"] or "").replace(" (", "@").rstrip(")")
    qualifiers = f"arch={architecture}&distro=debian-13" + (f"&upstream={quote(upstream, safe='')}" if upstream else "")
    text = _read_copyright(deb, name=name, root=root)
    component = Component(
        kind="deb",
        name=name,
        version=version,
        purl=f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?{qualifiers}",
        supplier="Debian",
        licence=UNKNOWN_LICENCE if text is None else parse_debian_copyright(text, package=name),
        source=source,
        sha256=sha256,
    )
    return component, name


def _read_copyright(deb: Path, *, name: str, root: Path) -> str | None:
    """Return the text that goes with a package; None where it has none.

    Its folder may be a link to that of a package of the same source (Debian Policy, 12.5), which is then in the tree.
    """
    folder = PurePosixPath("usr/share/doc", name)
    with open_member(deb, "data") as archive:
        for member in archive:
            path = merged_path(member.name)
            if path == folder / "copyright" and member.isfile():
                return _read(archive, member).decode()
            if path == folder and member.issym() and (text := root / folder / "copyright").is_file():
                return text.read_bytes().decode()
    return None


def find_claims(deb: Path, *, name: str, root: Path, hashes: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of a tree that a package has brought and nothing has changed since.

    :param hashes: path -> SHA-256 of the tree's files
    """
    with open_member(deb, "data") as archive:
        for member in archive:
            path = str(merged_path(member.name))
            if member.issym():
                if (root / path).is_symlink() and os.readlink(root / path) == member.linkname:  # noqa: PTH115 - as text
                    yield path
            elif (member.isfile() or member.islnk()) and hashlib.sha256(
                _read(archive, member)
            ).hexdigest() == hashes.get(path):
                yield path
    for path in (f"var/lib/dpkg/status.d/{name}", f"var/lib/dpkg/status.d/{name}.md5sums"):
        if path in hashes:
            yield path


def list_debian(
    debs: list[dict[str, Any]], *, root: Path, hashes: Mapping[str, str]
) -> Iterator[tuple[Component, list[str]]]:
    """Yield each package with its paths.

    :param debs: path, source and sha256 of each package
    """
    for entry in debs:
        deb = Path(entry["path"])
        component, name = parse_package(deb, root=root, source=entry["source"], sha256=entry["sha256"])
        yield component, list(find_claims(deb, name=name, root=root, hashes=hashes))


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
