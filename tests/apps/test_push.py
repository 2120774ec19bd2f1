"""Images arrive in a real registry with their digests and tags, and the bytes reported are those that it received."""

import json
import subprocess
from pathlib import Path

from booksync_testing.registry import DockerRegistry
from registry_app import Pusher
from registry_layouts import BASE_BYTES, SHARED_BYTES, TinyImages
from registry_proxy import Fault, Proxy

AUTH, DATA = "booksync-api-auth", "booksync-api-data"


def pull_digest(skopeo: list[str], reference: str, folder: Path) -> str:
    """Pull an index with all its images, and return its digest as the puller computed it."""
    subprocess.run(
        [
            *skopeo,
            "--insecure-policy",
            "copy",
            "--quiet",
            "--all",
            "--src-tls-verify=false",
            f"docker://{reference}",
            f"oci:{folder}:pulled",
        ],
        check=True,
    )
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    return str(entry["digest"])


def test_an_independent_client_pulls_the_digests_of_digests_json(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry, skopeo: list[str], tmp_path: Path
) -> None:
    outcome = pusher(f"{registry.address}/family")
    assert outcome.code == 0, outcome.errors
    for name in (AUTH, DATA):
        digest = images.digests[name]["digest"]
        for suffix in (":1.0.0", ":latest", f"@{digest}"):
            folder = tmp_path / f"pulled-{name}{suffix.replace(':', '-')}"
            assert pull_digest(skopeo, f"{registry.address}/family/{name}{suffix}", folder) == digest


def test_standard_output_is_one_pinned_reference_an_image(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    outcome = pusher(f"{registry.address}/family")
    assert outcome.references == [
        f"{registry.address}/family/{name}@{images.digests[name]['digest']}" for name in (AUTH, DATA)
    ]


def test_tags_default_to_the_version_and_latest(pusher: Pusher, images: TinyImages, registry: DockerRegistry) -> None:
    pusher(f"{registry.address}/family")
    assert registry.tags(f"family/{AUTH}") == ["1.0.0", "latest"]
    assert registry.tagged(f"family/{AUTH}", "latest") == images.digests[AUTH]["digest"]


def test_given_tags_are_the_only_ones(pusher: Pusher, registry: DockerRegistry) -> None:
    pusher(f"{registry.address}/family", "--tag", "edge", "auth", "--tag", "2026")
    assert registry.tags(f"family/{AUTH}") == ["2026", "edge"]
    assert registry.tags(f"family/{DATA}") == []


def test_images_are_named_in_full_or_by_their_end(pusher: Pusher, registry: DockerRegistry) -> None:
    for name in ("auth", "api-auth", AUTH):
        assert [reference.split("@")[0] for reference in pusher(f"{registry.address}/family", name).references] == [
            f"{registry.address}/family/{AUTH}"
        ]


def test_a_variant_goes_beside_its_image_with_an_ending_in_its_tags(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    images.add("booksync-api-prediction", layers={"base": 1_000, "torch": 3_000})
    images.add("booksync-api-prediction-onnx", layers={"base": 1_000, "onnx": 2_000})
    outcome = pusher(f"{registry.address}/family")
    repository = "family/booksync-api-prediction"
    assert registry.tags(repository) == ["1.0.0", "1.0.0-onnx", "latest", "latest-onnx"]
    for image, tag in (("booksync-api-prediction", "1.0.0"), ("booksync-api-prediction-onnx", "1.0.0-onnx")):
        assert registry.tagged(repository, tag) == images.digests[image]["digest"]
    assert outcome.references[-1].startswith(f"{registry.address}/{repository}@sha256:")


def test_the_bytes_reported_are_the_bytes_received(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.sent == proxy.body_bytes
    # each tag is set by sending the index again
    tags = 2 * sum(images.digests[name]["size"] for name in (AUTH, DATA))
    assert outcome.sent == images.blob_size(AUTH, DATA) + tags


def test_a_second_push_sends_nothing_and_says_so(pusher: Pusher, proxy: Proxy, registry: DockerRegistry) -> None:
    pusher(f"{proxy.address}/family")
    proxy.revive()
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 0
    assert outcome.sent == proxy.body_bytes == 0
    assert "there already" in outcome.errors
    assert "exists" in outcome.errors
    assert registry.tags(f"family/{AUTH}") == ["1.0.0", "latest"]
    assert len(outcome.references) == len(("auth", "data"))


def test_a_changed_top_layer_sends_only_itself_and_what_names_it(pusher: Pusher, proxy: Proxy, tmp_path: Path) -> None:
    pusher(f"{proxy.address}/family", "auth")
    proxy.revive()
    (tmp_path / "next").mkdir()
    changed = TinyImages(tmp_path / "next", version="1.0.1")
    changed.add(
        AUTH, layers={"base": BASE_BYTES, "shared": SHARED_BYTES, "changed": 5_000}, shared=("shared", "changed")
    )
    outcome = pusher(f"{proxy.address}/family", "auth", environment={"BOOKSYNC_IMAGES": str(changed.directory)})
    assert outcome.sent == proxy.body_bytes < 20_000
    assert proxy.uploads(changed.layer(AUTH, "changed", "amd64")["digest"]) == 1
    assert proxy.uploads(changed.layer(AUTH, "base", "amd64")["digest"]) == 0


def test_shared_layers_that_are_there_are_not_mounted_again(pusher: Pusher, proxy: Proxy, tmp_path: Path) -> None:
    pusher(f"{proxy.address}/family")
    proxy.revive()
    (tmp_path / "next").mkdir()
    changed = TinyImages(tmp_path / "next", version="1.0.1")
    for name in (AUTH, DATA):
        changed.add(name, layers={"base": BASE_BYTES, f"{name} changed": 5_000})
    outcome = pusher(f"{proxy.address}/family", environment={"BOOKSYNC_IMAGES": str(changed.directory)})
    assert outcome.code == 0
    assert "mounted" not in outcome.errors
    assert [request for request in proxy.received if "mount=" in request.path] == []


def test_layers_that_images_share_are_sent_once_and_mounted(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    outcome = pusher(f"{proxy.address}/family")
    for name, architecture in (("base", "amd64"), ("base", "arm64"), ("shared", "amd64")):
        assert proxy.uploads(images.layer(AUTH, name, architecture)["digest"]) == 1
    assert "mounted" in outcome.errors
    assert f"from family/{AUTH}" in outcome.errors


def test_a_registry_that_does_not_mount_gets_the_bytes(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="POST", path=r"\?mount=", status=405)]
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 0
    assert "not mounted from other repositories: status code 405" in outcome.errors
    assert outcome.sent == proxy.body_bytes
    assert proxy.uploads(images.layer(AUTH, "base", "amd64")["digest"]) == len((AUTH, DATA))


def test_a_registry_that_opens_an_upload_instead_has_it_closed(pusher: Pusher, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="POST", path=r"\?mount=", without_query=True)]
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 0
    assert outcome.sent == proxy.body_bytes
    asked = [request for request in proxy.received if "?mount=" in request.path]
    closed = [request for request in proxy.received if request.method == "DELETE" and request.status == 204]
    assert len(asked) == len(closed) == len(("base amd64", "base arm64", "shared"))


def test_a_sibling_that_lacks_a_blob_is_not_asked_for_it(
    pusher: Pusher, proxy: Proxy, registry: DockerRegistry
) -> None:
    outcome = pusher(f"{proxy.address}/family", "data")
    assert outcome.code == 0
    assert outcome.sent == proxy.body_bytes
    assert [request for request in proxy.received if "mount=" in request.path] == []
    uploads = registry.storage / f"docker/registry/v2/repositories/family/{DATA}/_uploads"
    assert list(uploads.iterdir()) == []


def test_a_sibling_that_is_somebody_elses_is_passed_over(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    images.add("booksync-postgres", layers={"base": BASE_BYTES})
    pusher(f"{proxy.address}/family", AUTH, DATA)
    proxy.faults = [Fault(method="HEAD", path=f"/{AUTH}/blobs/", status=403, error="DENIED")]
    outcome = pusher(f"{proxy.address}/family", "postgres")
    assert (outcome.code, f"from family/{DATA}" in outcome.errors) == (0, True), outcome.errors
    assert proxy.uploads(images.layer(AUTH, "base", "amd64")["digest"]) == 1


def test_no_tag_is_set_before_every_digest_is_there(pusher: Pusher, proxy: Proxy) -> None:
    pusher(f"{proxy.address}/family")
    puts = [request.path for request in proxy.received if request.method == "PUT" and "/manifests/" in request.path]
    tagging = [":" not in path for path in puts]
    assert tagging == sorted(tagging)
    assert sum(tagging) == len(("1.0.0", "latest")) * len((AUTH, DATA))
