"""Configs, manifests and indexes have the fields of the OCI image specification and one encoding."""

import json

from booksync_build.oci import (
    Descriptor,
    Layer,
    Platform,
    build_config,
    build_index,
    build_layout_index,
    build_manifest,
    describe,
    encode,
)

ARM64 = Platform(architecture="arm64", variant="v8")
AMD64 = Platform(architecture="amd64", variant=None)
BLOB = Descriptor(media_type="application/vnd.oci.image.layer.v1.tar+gzip", digest="sha256:aa", size=3)
LAYER = Layer(name="base", descriptor=BLOB, diff_id="sha256:bb")


def test_encoding_is_sorted_compact_and_unescaped() -> None:
    assert encode({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()


def test_description_is_that_of_the_bytes() -> None:
    descriptor = describe(b"", "x/y")
    assert descriptor.size == 0
    assert descriptor.digest == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_platform_names_a_variant_only_where_there_is_one() -> None:
    assert AMD64.to_json() == {"architecture": "amd64", "os": "linux"}
    assert ARM64.to_json() == {"architecture": "arm64", "os": "linux", "variant": "v8"}


def test_config_keeps_the_healthcheck_and_has_one_history_entry_a_layer() -> None:
    content = build_config(
        platform=ARM64,
        created="2026-01-01T00:00:00Z",
        config={"Healthcheck": {"Test": ["CMD", "true"]}},
        layers=[LAYER, LAYER],
    )
    config = json.loads(content)
    assert config["architecture"] == "arm64"
    assert config["variant"] == "v8"
    assert config["config"] == {"Healthcheck": {"Test": ["CMD", "true"]}}
    assert config["rootfs"] == {"type": "layers", "diff_ids": ["sha256:bb", "sha256:bb"]}
    assert [entry["created"] for entry in config["history"]] == ["2026-01-01T00:00:00Z"] * 2


def test_manifest_describes_config_and_layers() -> None:
    manifest = json.loads(build_manifest(config=BLOB, layers=[LAYER], annotations={"a": "b"}))
    assert manifest["schemaVersion"] == 2
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["layers"] == [{"mediaType": BLOB.media_type, "digest": "sha256:aa", "size": 3}]
    assert manifest["annotations"] == {"a": "b"}


def test_index_is_the_same_in_any_order_of_architectures() -> None:
    entries = [(ARM64, BLOB), (AMD64, BLOB)]
    assert build_index(manifests=entries, annotations={}) == build_index(manifests=entries[::-1], annotations={})
    index = json.loads(build_index(manifests=entries, annotations={}))
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]


def test_layout_has_one_entry_tagged_with_the_version() -> None:
    (entry,) = json.loads(build_layout_index(index=BLOB, tag="1.0.0"))["manifests"]
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "1.0.0"}
