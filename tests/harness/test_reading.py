"""A broken layout is noticed, and the message names the blob and what is wrong with it."""

import json
from pathlib import Path

import pytest

from booksync_testing.layer import load_layer
from booksync_testing.layout import Layout, LayoutError, parse_descriptor
from booksync_testing.layout_writer import LayoutWriter, directory, file, link


def test_image_is_read(writer: LayoutWriter) -> None:
    writer.add_layer(directory("/etc"), file("/etc/hello", b"hello"))
    image = writer.write_image()
    assert image.name == "image"
    assert image.user == (7, 8)
    assert image.environment == {"A": "1=2"}


def test_layer_s_digests_and_members_are_read_in_one_pass(writer: LayoutWriter) -> None:
    writer.add_layer(directory("/usr"), file("/usr/program", b"\x7fELF..."), link("/bin", "usr/bin"))
    image = writer.write_image()
    layer = load_layer(image.layout, image.layers[0])
    assert (layer.digest, layer.size) == (image.layers[0].digest, image.layers[0].size)
    assert layer.diff_id == image.config["rootfs"]["diff_ids"][0]
    assert [(member.path, member.kind) for member in layer.members] == [
        ("usr", "directory"),
        ("usr/program", "file"),
        ("bin", "symlink"),
    ]
    assert [member.is_elf for member in layer.members] == [False, True, False]
    assert not layer.is_pure


@pytest.mark.parametrize(("path", "is_pure"), [("/etc/passwd", True), ("/var/lib/dpkg/status.d/locales-all", False)])
def test_layer_with_a_package_of_debian_is_of_an_architecture(
    writer: LayoutWriter, path: str, *, is_pure: bool
) -> None:
    writer.add_layer(file(path, b"Architecture: amd64\n"))
    image = writer.write_image()
    assert load_layer(image.layout, image.layers[0]).is_pure == is_pure


def test_changed_blob_is_noticed(writer: LayoutWriter) -> None:
    writer.add_layer(file("/hello", b"hello"))
    image = writer.write_image()
    blob = image.layout.blob(image.layers[0].digest)
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    with pytest.raises(LayoutError, match="holds sha256:"):
        image.layout.verify(image.layers[0])


def test_truncated_blob_is_noticed(writer: LayoutWriter) -> None:
    writer.add_layer(file("/hello", b"hello"))
    image = writer.write_image()
    blob = image.layout.blob(image.layers[0].digest)
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(LayoutError, match="its descriptor says"):
        image.layout.verify(image.layers[0])


def test_missing_blob_is_noticed(writer: LayoutWriter) -> None:
    writer.add_layer(file("/hello", b"hello"))
    image = writer.write_image()
    image.layout.blob(image.layers[0].digest).unlink()
    with pytest.raises(LayoutError, match="is missing"):
        image.layout.verify(image.layers[0])


def test_second_entry_of_index_json_is_refused(writer: LayoutWriter) -> None:
    writer.add_layer(file("/hello"))
    writer.write_image()
    path = writer.path / "index.json"
    entry = json.loads(path.read_text())["manifests"][0]
    path.write_text(json.dumps({"manifests": [entry, entry]}))
    with pytest.raises(LayoutError, match="2 entries"):
        Layout(writer.path).index()


def test_absent_architecture_is_named(writer: LayoutWriter) -> None:
    writer.add_layer(file("/hello"))
    image = writer.write_image()
    with pytest.raises(LayoutError, match="0 manifests for arm64"):
        image.layout.image("arm64")


@pytest.mark.parametrize("digest", ["sha512:00", "sha256:../../../etc/passwd", "sha256:" + "A" * 64])
def test_digest_that_is_none_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(LayoutError, match="not a sha256 digest"):
        Layout(tmp_path).blob(digest)


def test_unknown_field_of_a_descriptor_is_named() -> None:
    with pytest.raises(LayoutError, match="urls"):
        parse_descriptor({"mediaType": "a", "digest": "b", "size": 1, "urls": []})
