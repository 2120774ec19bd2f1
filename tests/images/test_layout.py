"""Each layout is what the OCI image specification asks for, and says of itself in digests.json what it holds.

Rules: image-layout.md, image-index.md, manifest.md, config.md, descriptor.md and annotations.md of version 1.1.
"""

import json
import re
from collections.abc import Callable

import pytest

from booksync_testing.artifacts import read_artifacts
from booksync_testing.contract import Expected
from booksync_testing.layer import Layer
from booksync_testing.layout import (
    ARCHITECTURES,
    MEDIA_CONFIG,
    MEDIA_INDEX,
    MEDIA_LAYER_GZIP,
    MEDIA_MANIFEST,
    Descriptor,
    Image,
    Json,
    Layout,
)

PLATFORMS = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux", "variant": "v8"},
}
MEGABYTE = 1_000_000  # as registries count
REF_NAME = "org.opencontainers.image.ref.name"
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")

type ReadLayer = Callable[[Descriptor], Layer]


@pytest.fixture(params=ARCHITECTURES)
def image(request: pytest.FixtureRequest, layout: Layout) -> Image:
    """Each architecture of the layout."""
    return layout.image(request.param)


def test_layout_is_marked_with_its_version(layout: Layout) -> None:
    assert json.loads((layout.path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_index_json_names_one_index_tagged_with_the_version(layout: Layout, digests: Json) -> None:
    index: Json = json.loads((layout.path / "index.json").read_text())
    assert index.keys() == {"schemaVersion", "mediaType", "manifests"}
    assert (index["schemaVersion"], index["mediaType"]) == (2, MEDIA_INDEX)
    (entry,) = layout.entries()
    assert entry.media_type == MEDIA_INDEX
    assert entry.annotations == {REF_NAME: digests[layout.path.name]["version"]}
    assert entry.digest == digests[layout.path.name]["digest"]
    assert entry.size == digests[layout.path.name]["size"]


def test_index_has_one_manifest_an_architecture(layout: Layout) -> None:
    _, index = layout.index()
    assert index.keys() == {"schemaVersion", "mediaType", "manifests", "annotations"}
    assert (index["schemaVersion"], index["mediaType"]) == (2, MEDIA_INDEX)
    assert [entry["platform"] for entry in index["manifests"]] == [PLATFORMS[name] for name in ARCHITECTURES]
    assert {entry["mediaType"] for entry in index["manifests"]} == {MEDIA_MANIFEST}


def test_every_blob_is_named_and_has_its_digest_and_size(layout: Layout) -> None:
    entry, _ = layout.index()
    images = [layout.image(architecture) for architecture in ARCHITECTURES]
    named = [entry]
    for image in images:
        named += [image.descriptor, image.config_descriptor, *image.layers]
    for descriptor in named:
        layout.verify(descriptor)
    about = [artifact for image in images for artifact in read_artifacts(layout, image.descriptor.digest).values()]
    digests = {descriptor.digest for descriptor in named}
    for artifact in about:
        parts = [artifact.entry, artifact.manifest["config"], *artifact.manifest["layers"]]
        digests |= {part["digest"] for part in parts}
    assert {f"sha256:{blob.name}" for blob in (layout.path / "blobs/sha256").iterdir()} == digests


def test_manifest_describes_config_and_layers(image: Image) -> None:
    assert image.manifest.keys() == {"schemaVersion", "mediaType", "config", "layers", "annotations"}
    assert (image.manifest["schemaVersion"], image.manifest["mediaType"]) == (2, MEDIA_MANIFEST)
    assert image.config_descriptor.media_type == MEDIA_CONFIG
    assert {layer.media_type for layer in image.layers} == {MEDIA_LAYER_GZIP}
    assert len({layer.digest for layer in image.layers}) == len(image.layers)


def test_config_names_platform_and_time(image: Image) -> None:
    assert image.config.keys() - {"variant"} == {"architecture", "os", "created", "config", "rootfs", "history"}
    platform = PLATFORMS[image.architecture]
    assert {key: image.config.get(key) for key in platform} == platform
    assert RFC_3339.fullmatch(image.config["created"])


def test_diff_ids_are_the_digests_of_the_uncompressed_layers(image: Image, read_layer: ReadLayer) -> None:
    read = [read_layer(descriptor) for descriptor in image.layers]
    assert image.config["rootfs"] == {"type": "layers", "diff_ids": [layer.diff_id for layer in read]}
    # read to the end, nothing after the gzip stream
    assert [(layer.digest, layer.size) for layer in read] == [(layer.digest, layer.size) for layer in image.layers]


def test_history_has_one_line_a_layer(image: Image) -> None:
    history = image.config["history"]
    assert len(history) == len(image.layers)
    assert {line["created"] for line in history} == {image.config["created"]}
    assert len({line["created_by"] for line in history}) == len(history)
    assert not any(line.get("empty_layer") for line in history)


def test_annotations_and_labels_say_the_same_on_index_manifest_and_config(
    image: Image, layout: Layout, digests: Json
) -> None:
    annotations = image.manifest["annotations"]
    assert annotations == image.runtime["Labels"] == layout.index()[1]["annotations"]
    prefix = "org.opencontainers.image."
    assert {f"{prefix}{key}" for key in ("title", "description", "version", "created")} <= annotations.keys()
    assert annotations[f"{prefix}version"] == digests[layout.path.name]["version"]
    assert annotations[f"{prefix}created"] == image.config["created"]
    assert all(annotations.values())


def test_digests_json_says_what_the_layout_holds(image: Image, digests: Json, read_layer: ReadLayer) -> None:
    said = digests[image.name]["architectures"][image.architecture]
    for part, descriptor in (("manifest", image.descriptor), ("config", image.config_descriptor)):
        assert said[part] == {"digest": descriptor.digest, "size": descriptor.size}
    assert [(layer["digest"], layer["size"], layer["mediaType"], layer["diffID"]) for layer in said["layers"]] == [
        (layer.digest, layer.size, layer.media_type, read_layer(layer).diff_id) for layer in image.layers
    ]
    parts = [image.descriptor, image.config_descriptor, *image.layers]
    assert said["size"] == sum(part.size for part in parts)


def test_size_is_within_its_limit(image: Image, expected: Expected, digests: Json) -> None:
    size = digests[image.name]["architectures"][image.architecture]["size"]
    assert size <= expected.megabytes * MEGABYTE


def test_digests_json_names_the_layout_s_architectures(layout: Layout, digests: Json) -> None:
    assert sorted(digests[layout.path.name]["architectures"]) == sorted(layout.architectures())


def test_layers_of_no_architecture_are_one_blob_for_both(layout: Layout, read_layer: ReadLayer) -> None:
    amd64, arm64 = (
        {layer.digest for layer in layout.image(name).layers if read_layer(layer).is_pure} for name in ARCHITECTURES
    )
    assert amd64 == arm64
    # the highest layer, the one that changes most often, is among them
    assert {layout.image(name).layers[-1].digest for name in ARCHITECTURES} <= amd64


def test_every_other_layer_differs_between_architectures(layout: Layout, read_layer: ReadLayer) -> None:
    machine_code = [
        {layer.digest for layer in layout.image(name).layers if not read_layer(layer).is_pure} for name in ARCHITECTURES
    ]
    assert not machine_code[0] & machine_code[1]
