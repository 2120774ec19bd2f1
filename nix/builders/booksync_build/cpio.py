"""Write a cpio archive of the form that Linux takes as initramfs ("newc", Documentation/driver-api/early-userspace)."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file or folder of root's.

    :param mode: type and permissions
    """

    mode: int
    content: bytes = b""


def folder() -> Entry:
    """Return an empty folder."""
    return Entry(stat.S_IFDIR | 0o755)


def program(content: bytes) -> Entry:
    """Return a file that can be executed."""
    return Entry(stat.S_IFREG | 0o755, content)


def pack(entries: Mapping[str, Entry]) -> bytes:
    """Return an archive of some files; folders stand before what is in them."""
    parts: list[bytes] = []
    for number, (name, entry) in enumerate([*entries.items(), (TRAILER, Entry(0))]):
        parts += encode(number, name, entry)
    return b"".join(parts)


def encode(number: int, name: str, entry: Entry) -> Iterator[bytes]:
    """Yield the bytes of one member: header, name and content, each to a multiple of four."""
    encoded = name.encode() + b"\0"
    # ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    fields = (number, entry.mode, 0, 0, 1, 1, len(entry.content), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + "".join(f"{field:08x}" for field in fields).encode()
    yield padded(header + encoded)
    yield padded(entry.content)


def padded(content: bytes) -> bytes:
    """Fill up to a multiple of four."""
    return content + b"\0" * (-len(content) % 4)
