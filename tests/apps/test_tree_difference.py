"""Of two layers, the first path that differs is named, and how."""

import io
import tarfile
from pathlib import Path

import pytest

from booksync_apps.tree_difference import UnreadableLayerError, find_difference


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


@pytest.mark.parametrize("cut", [0, 10, 40])
def test_what_is_no_layer_is_said_to_be_none(tmp_path: Path, cut: int) -> None:
    here = write_layer(tmp_path / "here", member("a", b"content" * 100))
    there = tmp_path / "there"
    there.write_bytes(here.read_bytes()[:cut] if cut else b"(\xb5/\xfd what zstd begins with")
    with pytest.raises(UnreadableLayerError):
        find_difference(here, there)
