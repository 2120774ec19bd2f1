"""What goes with an image stands beside its layout as OCI artifacts whose subject is the image's manifest."""

import json

from booksync_testing.artifacts import Artifact
from booksync_testing.layout import Image, Layout

EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
TYPES = {
    "application/spdx+json",
    "application/vnd.booksync.layers.spdx+json",
    "application/vnd.cyclonedx+json",
    "application/vnd.in-toto+json",
}


def test_each_architecture_has_one_artifact_of_each_type(artifacts: dict[str, Artifact]) -> None:
    assert artifacts.keys() - {"application/vnd.openvex+json"} == TYPES


def test_subject_is_the_manifest(image: Image, artifacts: dict[str, Artifact]) -> None:
    expected = {
        "mediaType": image.descriptor.media_type,
        "digest": image.descriptor.digest,
        "size": image.descriptor.size,
    }
    assert all(artifact.manifest["subject"] == expected for artifact in artifacts.values())


def test_manifests_are_artifacts_as_the_specification_has_them(artifacts: dict[str, Artifact]) -> None:
    for artifact in artifacts.values():
        manifest = artifact.manifest
        assert manifest["mediaType"] == artifact.entry["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
        assert manifest["config"] == {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": EMPTY_DIGEST,
            "size": 2,
        }
        # as a registry answers, so that nobody has to fetch manifests to choose one
        assert manifest["artifactType"] == artifact.entry["artifactType"]
        assert manifest["annotations"] == artifact.entry["annotations"]


def test_no_time_but_the_release_s(image: Image, artifacts: dict[str, Artifact]) -> None:
    for artifact in artifacts.values():
        assert artifact.manifest["annotations"]["org.opencontainers.image.created"] == image.config["created"]


def test_referrers_json_is_a_registry_s_answer(layout: Layout) -> None:
    index = json.loads((layout.path / "referrers.json").read_text())
    assert index.keys() == {"schemaVersion", "mediaType", "manifests"}
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"


def test_index_json_has_one_entry(layout: Layout) -> None:
    assert len(layout.entries()) == 1
