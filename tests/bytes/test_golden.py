"""A tiny image has the bytes it has always had: tar, compression, config, manifest and index."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden.json"


@pytest.fixture(scope="module")
def layout(golden_images: Path) -> Path:
    return golden_images / "tiny"


def read_blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def read_layer(layout: Path) -> bytes:
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    index = json.loads(read_blob(layout, entry["digest"]))
    manifest = json.loads(read_blob(layout, index["manifests"][0]["digest"]))
    return read_blob(layout, manifest["layers"][0]["digest"])


def check_golden(images: Path, golden: Path) -> None:
    actual = json.loads((images / "digests.json").read_text())
    expected = json.loads(golden.read_text()) if golden.exists() else None
    assert actual == expected, (
        "The bytes of images changed. If that is meant, every digest of the next release changes: say so in the "
        "CHANGELOG and take the new ones with\n"
        f"    cp {images}/digests.json tests/bytes/{golden.name}"
    )


def test_digests_are_the_golden_ones(golden_images: Path) -> None:
    check_golden(golden_images, GOLDEN)


def test_digests_with_zstd_are_the_golden_ones(zstd_images: Path) -> None:
    check_golden(zstd_images, GOLDEN.with_name("golden-zstd.json"))


def test_layers_with_zstd_have_the_same_content(golden_images: Path, zstd_images: Path, zstd: list[str]) -> None:
    (plain,), (other,) = (
        json.loads((images / "digests.json").read_text())["tiny"]["architectures"]["amd64"]["layers"]
        for images in (golden_images, zstd_images)
    )
    assert other["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    assert other["diffID"] == plain["diffID"]
    blob = read_blob(zstd_images / "tiny", other["digest"])
    assert subprocess.run([*zstd, "-dc"], input=blob, capture_output=True, check=True).stdout == gzip.decompress(
        read_blob(golden_images / "tiny", plain["digest"])
    )


def test_layer_names_owners_modes_and_times_are_fixed(layout: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(read_layer(layout)))) as archive:
        members = {
            member.name: (oct(member.mode), member.uid, member.gid, member.uname, member.gname, member.mtime)
            for member in archive
        }
    root = (0, 0, "root", "root", 0)
    postgres = (999, 999, "postgres", "postgres", 0)
    assert members == {
        "": ("0o755", *root),  # tarfile's name of "/"
        "/etc": ("0o555", *root),
        "/etc/accents-é.txt": ("0o444", *root),
        "/tmp": ("0o1777", *root),
        "/usr": ("0o555", *root),
        "/usr/bin": ("0o555", *root),
        "/usr/bin/hello": ("0o555", *root),
        "/var": ("0o555", *root),
        "/var/lib": ("0o555", *root),
        "/var/lib/data": ("0o700", *postgres),
    }


def test_gzip_header_has_no_name_and_no_time(layout: Path) -> None:
    header = read_layer(layout)[:10]
    # RFC 1952: magic, deflate, no flags, time 0, level flag 0, Unix
    assert header == bytes.fromhex("1f8b0800000000000003")


def test_one_blob_serves_both_architectures(golden_images: Path) -> None:
    digests = json.loads((golden_images / "digests.json").read_text())["tiny"]["architectures"]
    assert digests["amd64"]["layers"] == digests["arm64"]["layers"]
    assert digests["amd64"]["manifest"] != digests["arm64"]["manifest"]


def test_every_blob_has_its_digest_as_name(layout: Path) -> None:
    blobs = list((layout / "blobs/sha256").iterdir())
    assert len(blobs) == 6  # index, two manifests, two configs, one layer
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
