"""A package's files get below a root in which bin and lib are links into usr."""

import io
import lzma
import tarfile
from pathlib import Path

import pytest

from booksync_fetch.debian_archive import unpack_package
from booksync_fetch.errors import BootstrapError


def make_package(path: Path, *, name: bytes = b"data.tar.xz") -> Path:
    """Write a package as dpkg-deb does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("./", "./bin", "./usr", "./usr/lib"):
            member = tarfile.TarInfo(folder)
            member.type = tarfile.DIRTYPE
            member.mode = 0o755
            archive.addfile(member)
        program = tarfile.TarInfo("./bin/.tool")
        program.mode, program.size = 0o755, 4
        archive.addfile(program, io.BytesIO(b"tool"))
        link = tarfile.TarInfo("./usr/lib/tool")
        link.type, link.linkname = tarfile.SYMTYPE, "../bin/.tool"
        archive.addfile(link)
    data = lzma.compress(buffer.getvalue()) if name.endswith(b".xz") else buffer.getvalue()
    content = b"!<arch>\n"
    for member_name, member_data in ((b"debian-binary", b"2.0\n"), (name, data)):
        content += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (member_name, 0, 0, 0, b"100644", len(member_data)) + member_data
        content += b"\n" * (len(member_data) % 2)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", [b"data.tar.xz", b"data.tar"])
def test_files_land_behind_the_links(tmp_path: Path, name: bytes) -> None:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    unpack_package(make_package(tmp_path / "tool.deb", name=name), root)
    assert (root / "usr/bin/.tool").read_bytes() == b"tool"
    assert (root / "usr/bin/.tool").stat().st_mode & 0o111
    assert (root / "bin").is_symlink()
    assert (root / "usr/lib/tool").resolve() == root / "usr/bin/.tool"


def test_a_compression_that_python_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"tool\.deb: expected a Debian package with data\.tar or data\.tar\.xz"):
        unpack_package(make_package(tmp_path / "tool.deb", name=b"data.tar.zst"), tmp_path)
