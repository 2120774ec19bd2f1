"""Walk a compressed layer as a stream: its digests and every header of its tar, holding no file in memory.

One pass gives everything that the tests ask of a layer, since the largest have gigabytes.
"""

import gzip
import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol, cast

from booksync_testing.layout import CHUNK, MEDIA_LAYER_GZIP, Descriptor, Layout, LayoutError

type Kind = Literal["file", "directory", "symlink", "hardlink", "other"]

ELF_MAGIC = b"\x7fELF"
#: Where an image has what Debian says of its packages.
PACKAGES = "var/lib/dpkg/status.d/"

KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


class Readable(Protocol):
    """What a stream must do to be hashed on its way."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


@dataclass(frozen=True)
class Member:
    """One header of a layer's tar."""

    path: str  # without the leading slash; "" for / itself
    kind: Kind
    mode: int
    uid: int
    gid: int
    uname: str
    gname: str
    mtime: float
    size: int
    target: str
    is_elf: bool


@dataclass(frozen=True)
class Layer:
    """What one pass over a layer's blob found."""

    digest: str
    size: int
    diff_id: str
    members: tuple[Member, ...]

    @property
    def is_pure(self) -> bool:
        """Whether nothing in the layer is of an architecture, so that it must not differ between them.

        That is machine code, and Debian's description of a package, which names its architecture.
        """
        return not any(member.is_elf or member.path.startswith(PACKAGES) for member in self.members)


class HashingReader:
    """A readable stream that hashes and counts what passes."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read from the source, taking note."""
        data = self._source.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read what is left, so that the digest is the whole stream's."""
        while self.read(CHUNK):
            pass

    @property
    def digest(self) -> str:
        """The digest of what has passed."""
        return f"sha256:{self._hash.hexdigest()}"


def parse_path(name: str) -> str:
    """Normalise a member's name to a path relative to /.

    :raises LayoutError: the name has empty, `.` or `..` components beyond one leading `/` or `./`.
    """
    path = name.removeprefix("./").removeprefix("/").removesuffix("/")
    if path in ("", "."):
        return ""
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise LayoutError(f"tar member {name!r}: the path is not normalised")
    return path


@contextmanager
def open_tar(blob: Path) -> Iterator[tuple[tarfile.TarFile, HashingReader, HashingReader]]:
    """Open a gzip-compressed tar as a stream.

    :return: the archive, and the readers of the compressed and of the uncompressed bytes.
    """
    with blob.open("rb") as raw:
        compressed = HashingReader(raw)
        with gzip.GzipFile(fileobj=cast(IO[bytes], compressed), mode="rb") as stream:
            plain = HashingReader(stream)
            with tarfile.open(fileobj=cast(IO[bytes], plain), mode="r|", bufsize=CHUNK) as archive:
                yield archive, compressed, plain


def load_layer(layout: Layout, descriptor: Descriptor) -> Layer:
    """Read a layer once, from end to end."""
    if descriptor.media_type != MEDIA_LAYER_GZIP:
        raise LayoutError(f"{descriptor.digest}: no reader for a layer of type {descriptor.media_type}")
    members = []
    with open_tar(layout.blob(descriptor.digest)) as (archive, compressed, plain):
        for header in archive:
            kind = KINDS.get(header.type, "other")
            content = archive.extractfile(header) if kind == "file" else None
            members.append(
                Member(
                    path=parse_path(header.name),
                    kind=kind,
                    mode=header.mode,
                    uid=header.uid,
                    gid=header.gid,
                    uname=header.uname,
                    gname=header.gname,
                    mtime=header.mtime,
                    size=header.size,
                    target=header.linkname,
                    is_elf=content is not None and content.read(len(ELF_MAGIC)) == ELF_MAGIC,
                )
            )
        plain.drain()
        compressed.drain()
    return Layer(digest=compressed.digest, size=compressed.size, diff_id=plain.digest, members=tuple(members))
