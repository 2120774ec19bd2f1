"""Of two layers, the first path that differs is named, and how."""

import io
import tarfile
from pathlib import Path

import pytest

from booksync_apps.tree_difference import UnreadableLayerError, find_difference

#: How tar has a program's capabilities (tar(1), --xattrs).
CAPABILITY = "SCHILY.xattr.security.capability"


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    for field, value in fields.items():
        setattr(header, field, value)
    return header, content


def write_layer(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for header, content in members:
            archive.addfile(header, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([member("a"), member("b", b"y"), member("c")], "b: SHA-256 "),
        ([member("a"), member("b", b"xx"), member("c", b"y")], "b: size 1 bytes here, 2 bytes there"),
        ([member("a"), member("b", mode=0o755), member("c")], "b: mode 0644 here, 0755 there"),
        ([member("a"), member("b", uid=7), member("c")], "b: owner 0:0 here, 7:0 there"),
        ([member("a"), member("b", mtime=9), member("c")], "b: time 0.0 here, 9.0 there"),
        ([member("a"), member("b", b"", type=tarfile.SYMTYPE, linkname="a"), member("c")], "b: kind file here, symb"),
        (
            [member("a"), member("b", pax_headers={CAPABILITY: "\x01\0\udcff"}), member("c")],
            f"b: attributes none here, {CAPABILITY}='\\x01\\x00\\udcff' there",
        ),
        ([member("a"), member("b", pax_headers={"mtime": "0"}), member("c")], None),
        ([member("a"), member("c")], "b: only here"),
        ([member("a"), member("aa"), member("b"), member("c")], "aa: only there"),
        ([member("/a"), member("b"), member("c")], None),
        ([member("c"), member("b"), member("a")], None),
    ],
)
def test_first_difference(tmp_path: Path, other: list[tuple[tarfile.TarInfo, bytes]], expected: str | None) -> None:
    here = write_layer(tmp_path / "here", member("a"), member("b"), member("c"))
    found = find_difference(here, write_layer(tmp_path / "there", *other))
    assert found is None if expected is None else (found or "").startswith(expected), found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"devminor": 5}, "null: device 1:3 here, 1:5 there"),
        ({"type": tarfile.BLKTYPE}, "null: kind character device here, block device there"),
        ({"type": tarfile.FIFOTYPE}, "null: kind character device here, pipe there"),
        ({}, None),
    ],
)
def test_devices_are_told_apart(tmp_path: Path, fields: dict[str, object], expected: str | None) -> None:
    null = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}
    here = write_layer(tmp_path / "here", member("null", b"", **null))
    assert find_difference(here, write_layer(tmp_path / "there", member("null", b"", **(null | fields)))) == expected


@pytest.mark.parametrize("cut", [0, 10, 40])
def test_what_is_no_layer_is_said_to_be_none(tmp_path: Path, cut: int) -> None:
    here = write_layer(tmp_path / "here", member("a", b"content" * 100))
    there = tmp_path / "there"
    there.write_bytes(here.read_bytes()[:cut] if cut else b"(\xb5/\xfd what zstd begins with")
    with pytest.raises(UnreadableLayerError):
        find_difference(here, there)
