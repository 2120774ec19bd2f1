"""Name the first file that differs between two layers."""

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNK = 1 << 20  # bytes

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


def read_layer(blob: Path) -> dict[str, Entry]:
    """Return path -> entry of a layer compressed with gzip, or not at all.

    :raises UnreadableLayerError: it is something else
    """
    try:
        with tarfile.open(blob, mode="r|*", bufsize=CHUNK) as archive:
            return {
                member.name.strip("/"): _entry(member, archive.extractfile(member) if member.isreg() else None)
                for member in archive
            }
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreadableLayerError(str(error) or type(error).__name__) from error


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
