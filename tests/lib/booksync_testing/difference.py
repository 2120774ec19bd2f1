"""Say what differs between two layers that should be one: the first path, and how."""

import hashlib
import tarfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import IO

from booksync_testing.layer import open_tar
from booksync_testing.layout import CHUNK

#: What a header of a tar says of a member; `name` comes first, so that it is named first.
FIELDS = ("name", "type", "mode", "uid", "gid", "uname", "gname", "mtime", "linkname", "size")


def hash_content(content: IO[bytes] | None) -> str:
    """Hash a member's content; that of a member without content is empty."""
    digest = hashlib.sha256()
    while content is not None and (chunk := content.read(CHUNK)):
        digest.update(chunk)
    return digest.hexdigest()


def walk(blob: Path) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Yield a layer's members in order, each with the hash of its content."""
    with open_tar(blob) as (archive, _, _):
        for member in archive:
            yield member, hash_content(archive.extractfile(member) if member.isreg() else None)


def find_difference(left: Path, right: Path) -> str | None:
    """Return the first difference between two layers' blobs in words, None where their members are equal."""
    for one, other in zip_longest(walk(left), walk(right)):
        if one is None or other is None:
            member, _ = one or other
            return f"{member.name}: is in one of them alone"
        (a, content), (b, other_content) = one, other
        for field in FIELDS:
            if getattr(a, field) != getattr(b, field):
                return f"{a.name}: {field} is {getattr(a, field)!r} and {getattr(b, field)!r}"
        if content != other_content:
            return f"{a.name}: the content differs"
    return None
