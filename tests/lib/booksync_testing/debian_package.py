"""Write Debian packages, for tests of what reads them."""

import io
import tarfile
from pathlib import Path

#: Path -> content of a file, or target of a symbolic link.
type Entries = dict[str, bytes | str]


def make_tar(entries: Entries) -> bytes:
    """Make a tar.xz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o755 if "bin/" in name else 0o644
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def make_deb(folder: Path, name: str, entries: Entries, *, control: str = "Version: 1\n") -> Path:
    """Write a package, and return its path.

    :param control: fields beside the name
    """
    sums = "".join(f"{'0' * 32}  {path.removeprefix('./')}\n" for path in entries)
    described = make_tar({"./control": f"Package: {name}\n{control}".encode(), "./md5sums": sums.encode()})
    content = b"!<arch>\n"
    members = {"debian-binary": b"2.0\n", "control.tar.xz": described, "data.tar.xz": make_tar(entries)}
    for member, data in members.items():
        content += (
            f"{member:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    deb = folder / f"{name}.deb"
    deb.write_bytes(content)
    return deb
