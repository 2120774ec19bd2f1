"""What goes with an image arrives with it, where clients look for it: by the manifest that it is about."""

import json

import pytest

from booksync_apps.registry import USER_AGENT
from booksync_testing.registry import DockerRegistry
from registry_app import Pusher
from registry_layouts import Json, TinyImages
from registry_proxy import Fault, Proxy

AUTH = "booksync-api-auth"
KINDS = ("application/spdx+json", "application/vnd.cyclonedx+json", "application/vnd.in-toto+json")


@pytest.fixture
def artifacts(images: TinyImages) -> dict[str, list[str]]:
    """Add artifacts; return their digests by the digest of the manifest that they are about."""
    return {
        images.digests[AUTH]["architectures"][architecture]["manifest"]["digest"]: [
            images.add_artifact(
                AUTH, about=architecture, artifact_type=kind, document=f"{kind} of {architecture}".encode()
            )["digest"]
            for kind in KINDS
        ]
        for architecture in ("amd64", "arm64")
    }


def referrers(registry: DockerRegistry, digest: str) -> list[Json]:
    """List what is about a manifest, by the tag that stands for the list where a registry has no API of it."""
    entries: list[Json] = json.loads(registry.fetch(f"family/{AUTH}/manifests/{digest.replace(':', '-')}"))["manifests"]
    return entries


def test_artifacts_are_listed_with_the_manifest_that_they_are_about(
    pusher: Pusher, artifacts: dict[str, list[str]], registry: DockerRegistry
) -> None:
    assert pusher(f"{registry.address}/family", AUTH).code == 0
    for subject, digests in artifacts.items():
        listed = referrers(registry, subject)
        assert sorted(entry["digest"] for entry in listed) == sorted(digests)
        assert {entry["artifactType"] for entry in listed} == set(KINDS)
        for entry in listed:
            manifest = json.loads(registry.fetch(f"family/{AUTH}/manifests/{entry['digest']}"))
            assert manifest["subject"]["digest"] == subject
            (document,) = manifest["layers"]
            assert (
                registry.fetch(f"family/{AUTH}/blobs/{document['digest']}").decode().startswith(entry["artifactType"])
            )


def test_the_image_is_the_same_with_artifacts_and_without(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    before = pusher(f"{registry.address}/family", AUTH)
    images.add_artifact(AUTH, about="amd64", artifact_type=KINDS[0], document=b"new")
    after = pusher(f"{registry.address}/family", AUTH)
    assert after.references == before.references
    assert registry.tagged(f"family/{AUTH}", "1.0.0") == images.digests[AUTH]["digest"]


def test_artifacts_that_came_later_arrive_alone(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    pusher(f"{proxy.address}/family", AUTH)
    document = b"new" * 1000
    images.add_artifact(AUTH, about="arm64", artifact_type=KINDS[0], document=document)
    proxy.revive()
    assert pusher(f"{proxy.address}/family", AUTH).code == 0
    assert len(document) < proxy.body_bytes < len(document) + 3_000


def test_nothing_is_sent_twice(pusher: Pusher, artifacts: dict[str, list[str]], proxy: Proxy) -> None:
    assert artifacts
    pusher(f"{proxy.address}/family", AUTH)
    proxy.revive()
    again = pusher(f"{proxy.address}/family", AUTH)
    assert again.code == 0
    assert again.sent == proxy.body_bytes == 0


def test_a_registry_that_refuses_artifacts_can_have_the_images_alone(
    pusher: Pusher, images: TinyImages, artifacts: dict[str, list[str]], proxy: Proxy, registry: DockerRegistry
) -> None:
    digests = [digest for found in artifacts.values() for digest in found]
    path = f"/manifests/({'|'.join(digests)})"
    proxy.faults = [Fault(method="PUT", path=path, status=400, error="MANIFEST_INVALID")]
    refused = pusher(f"{proxy.address}/family", AUTH)
    assert (refused.code, "--no-artifacts" in refused.errors) == (1, True), refused.errors
    assert registry.tags(f"family/{AUTH}") == []
    assert pusher(f"{proxy.address}/family", AUTH, "--no-artifacts").code == 0
    assert registry.tagged(f"family/{AUTH}", "1.0.0") == images.digests[AUTH]["digest"]


def test_an_artifact_whose_listing_was_cut_short_is_listed_by_the_next_push(
    pusher: Pusher, artifacts: dict[str, list[str]], proxy: Proxy, registry: DockerRegistry
) -> None:
    # without an API of referrers the list is a tag, which is set after the artifact itself has come
    proxy.faults = [Fault(method="PUT", path="/manifests/sha256-", after=10)]
    assert pusher(f"{proxy.address}/family", AUTH).code == 1
    proxy.wait_idle()
    proxy.revive()
    second = pusher(f"{proxy.address}/family", AUTH)
    assert second.code == 0, second.errors
    for subject, digests in artifacts.items():
        assert sorted(entry["digest"] for entry in referrers(registry, subject)) == sorted(digests)


@pytest.mark.parametrize("content", [b"nonsense", b"[]", b"{}"])
def test_a_list_that_is_none_is_an_error(
    pusher: Pusher, artifacts: dict[str, list[str]], proxy: Proxy, content: bytes
) -> None:
    assert artifacts
    pusher(f"{proxy.address}/family", AUTH)
    proxy.faults = [Fault(method="GET", path="/manifests/sha256-", status=200, body=content)]
    outcome = pusher(f"{proxy.address}/family", AUTH)
    assert (outcome.code, "expected an index" in outcome.errors) == (1, True), outcome.errors


def test_a_registry_that_makes_the_lists_itself_is_asked_for_nothing_more(
    pusher: Pusher, artifacts: dict[str, list[str]], proxy: Proxy
) -> None:
    assert artifacts
    index = (("Content-Type", "application/vnd.oci.image.index.v1+json"),)
    proxy.faults = [Fault(method="GET", path="/referrers/", status=200, headers=index)]
    assert pusher(f"{proxy.address}/family", AUTH).code == 0
    lists = [request for request in proxy.received if "/manifests/sha256-" in request.path]
    assert [request for request in lists if request.agent == USER_AGENT] == []


def test_artifacts_that_stay_unlisted_are_an_error(
    pusher: Pusher, artifacts: dict[str, list[str]], proxy: Proxy
) -> None:
    assert artifacts
    proxy.faults = [Fault(method="GET", path="/manifests/sha256-", status=200, body=b'{"manifests": []}')]
    outcome = pusher(f"{proxy.address}/family", AUTH)
    assert (outcome.code, outcome.output) == (1, "")
    assert "does not list" in outcome.errors
    assert "--no-artifacts" in outcome.errors
