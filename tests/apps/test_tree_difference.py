"""Of two layers, the first path that differs is named, and how."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from booksync_apps import tree_difference
from booksync_apps.tree_difference import HEADER_LIMIT, UnreadableLayerError, find_difference

#: How tar has a program's capabilities (tar(1), --xattrs).
CAPABILITY = "SCHILY.xattr.security.capability"

#: Bytes: three times what comes of one chunk at most, and less than any of what is not to be read whole.
MEMORY_LIMIT = 32 << 20


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


def long_header(kind: bytes, size: int) -> tuple[tarfile.TarInfo, bytes]:
    """Return a header whose content is of that many bytes; in a pax header (pax(1)), one record."""
    record = f"{size} {CAPABILITY}=".encode()
    content = record.ljust(size - 1, b"x") + b"\n" if kind in (tarfile.XHDTYPE, tarfile.XGLTYPE) else b"n" * size
    return member("header", content, type=kind)


@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK],
)
def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path, kind: bytes) -> None:
    here = write_layer(tmp_path / "here", member("a"))
    find_difference(here, write_layer(tmp_path / "some", member("b"), long_header(kind, HEADER_LIMIT), member("a")))
    there = write_layer(tmp_path / "there", member("b"), long_header(kind, 50 * HEADER_LIMIT), member("a"))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableLayerError, match=r"a header of 52\.4 MB"):
            find_difference(here, there)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "headers",
    [
        [long_header(tarfile.XHDTYPE, 900), member("a")] * 20,
        [long_header(tarfile.XGLTYPE, 900), *[member("a")] * 20],
        [member("a", b"")] * 40,
    ],
)
def test_many_headers_are_too_long_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    monkeypatch.setattr(tree_difference, "HEADERS_LIMIT", 16_000)
    here = write_layer(tmp_path / "here", *headers[:4])
    assert find_difference(here, here) is None
    with pytest.raises(UnreadableLayerError, match=r"headers of more than 16\.0 kB"):
        find_difference(here, write_layer(tmp_path / "there", *headers))


def test_what_was_compressed_well_is_read_bit_by_bit(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer", member("a", bytes(50 << 20)))
    tracemalloc.start()
    try:
        assert find_difference(layer, layer) is None
        assert tracemalloc.get_traced_memory()[1] < MEMORY_LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_layers_are_compressed_with_gzip_or_not_at_all(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    here = write_layer(tmp_path / "here", member("a"))
    there = tmp_path / "there"
    there.write_bytes(gzip.decompress(here.read_bytes()))
    assert find_difference(here, there) is None
    there.write_bytes(pack(there.read_bytes()))
    with pytest.raises(UnreadableLayerError):
        find_difference(here, there)


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a", "GNU.sparse.realsize": "1"}


@pytest.mark.parametrize(
    "sparse",
    [member("a", b"1\n0\n1\n".ljust(512, b"\0"), pax_headers=SPARSE), member("a", type=tarfile.GNUTYPE_SPARSE)],
)
def test_files_with_holes_are_refused(tmp_path: Path, sparse: tuple[tarfile.TarInfo, bytes]) -> None:
    here = write_layer(tmp_path / "here", member("a"))
    with pytest.raises(UnreadableLayerError, match="a file with holes"):
        find_difference(here, write_layer(tmp_path / "there", sparse))


@pytest.mark.parametrize("cut", [0, 10, 40])
def test_what_is_no_layer_is_said_to_be_none(tmp_path: Path, cut: int) -> None:
    here = write_layer(tmp_path / "here", member("a", b"content" * 100))
    there = tmp_path / "there"
    there.write_bytes(here.read_bytes()[:cut] if cut else b"(\xb5/\xfd what zstd begins with")
    with pytest.raises(UnreadableLayerError):
        find_difference(here, there)
