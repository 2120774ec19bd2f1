"""Name the first file that differs between two layers."""

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NoReturn, Self

from booksync_apps.progress import format_bytes

#: Bytes; of a compressed layer they may become a thousand times as many, at once.
CHUNK = 1 << 13
#: What gzip begins with (RFC 1952, 2.3.1). Other compression has no such bound, and layers do not have it.
GZIP = b"\x1f\x8b"
#: Bytes of a header about the next member, which tarfile reads whole, and of all headers of a layer: six times ours.
HEADER_LIMIT = 1 << 20
HEADERS_LIMIT = 32 << 20

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "pipe",
}

#: Of a pax header (pax(1)): what the other fields have already, and how it is written itself.
SAID_OTHERWISE = {*tarfile.PAX_FIELDS, "hdrcharset"}


#: Types of headers whose content is more about the next member (tar(5)).
LONG_HEADERS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


class UnreadableLayerError(Exception):
    """A layer is no tar that can be read here."""


@dataclass(frozen=True)
class Entry:
    """What a layer says of a path, in the order in which differences are told.

    :param attributes: what else its pax header has, extended attributes above all (``SCHILY.xattr.NAME``)
    :param device: major and minor number, empty for what is none
    """

    kind: str
    mode: str
    owner: str
    time: float
    target: str
    attributes: str
    device: str
    size: int
    content: str


#: Field of Entry -> in words.
WORDS: dict[str, Callable[[Entry], object]] = {
    "kind": lambda entry: entry.kind,
    "mode": lambda entry: entry.mode,
    "owner": lambda entry: entry.owner,
    "time": lambda entry: entry.time,
    "target": lambda entry: entry.target,
    "attributes": lambda entry: entry.attributes or "none",
    "device": lambda entry: entry.device,
    "size": lambda entry: f"{entry.size} bytes",
    "SHA-256": lambda entry: entry.content,
}


def _bounded_headers() -> type[tarfile.TarInfo]:
    """Return the kind of one layer's members, which refuses headers that are too long, alone or together."""
    total = shared = 0

    class Member(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            nonlocal total, shared
            header = super().frombuf(buf, encoding, errors)
            length = header.size if header.type in LONG_HEADERS else 0
            if length > HEADER_LIMIT:
                raise UnreadableLayerError(f"a header of {format_bytes(length)}")
            total += tarfile.BLOCKSIZE + length + shared
            # each member that comes has all of it
            shared += length if header.type == tarfile.XGLTYPE else 0
            if total > HEADERS_LIMIT:
                raise UnreadableLayerError(f"headers of more than {format_bytes(HEADERS_LIMIT)}")
            return header

        def _refuse(self, *_: object) -> NoReturn:
            raise UnreadableLayerError("a file with holes, which layers should not have")

        # their maps have any length (tarfile: "can be overridden in a subclass"; image specification, layer.md)
        _proc_sparse = _proc_gnusparse_10 = _refuse

    return Member


def read_layer(blob: Path) -> dict[str, Entry]:
    """Return path -> entry of a layer compressed with gzip, or not at all.

    :raises UnreadableLayerError: it is something else
    """
    entries = {}
    try:
        with blob.open("rb") as file:
            mode: Literal["r|gz", "r|"] = "r|gz" if file.read(len(GZIP)) == GZIP else "r|"
        with tarfile.open(blob, mode=mode, bufsize=CHUNK, tarinfo=_bounded_headers()) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                entries[member.name.strip("/")] = _entry(member, content)
                # tarfile keeps all that it has read, which is not needed again
                archive.members.clear()  # type: ignore[attr-defined]  # typeshed leaves it out
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreadableLayerError(str(error) or type(error).__name__) from error
    return entries


def find_difference(here: Path, there: Path) -> str | None:
    """Say which path is the first that differs and how; None where all are equal.

    :raises UnreadableLayerError: one of them cannot be read
    """
    one, other = read_layer(here), read_layer(there)
    for path in sorted(one.keys() | other.keys()):
        if path not in other:
            return f"{path}: only here"
        if path not in one:
            return f"{path}: only there"
        for name, say in WORDS.items():
            if say(one[path]) != say(other[path]):
                return f"{path}: {name} {say(one[path])} here, {say(other[path])} there"
    return None


def _entry(member: tarfile.TarInfo, content: IO[bytes] | None) -> Entry:
    digest = hashlib.sha256()
    while content is not None and (chunk := content.read(CHUNK)):
        digest.update(chunk)
    headers = sorted(item for item in member.pax_headers.items() if item[0] not in SAID_OTHERWISE)
    return Entry(
        kind=KINDS.get(member.type, "special file"),
        mode=f"{member.mode:04o}",
        owner=f"{member.uid}:{member.gid} {member.uname}:{member.gname}".strip(" :"),
        time=float(member.mtime),
        target=member.linkname,
        attributes=", ".join(f"{name}={value!r}" for name, value in headers),
        device=f"{member.devmajor}:{member.devminor}" if member.ischr() or member.isblk() else "",
        size=member.size,
        content=digest.hexdigest(),
    )
