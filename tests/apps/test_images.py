"""The images of this flake arrive in a real registry, and another client pulls the digests of digests.json.

BOOKSYNC_TEST_IMAGES names them: directories in the shape of `nix build .#images`, separated by colons.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from booksync_apps.reference import split_variant
from booksync_testing.registry import DockerRegistry
from registry_app import Pusher
from registry_proxy import Proxy


@pytest.fixture
def digests(tmp_path: Path, pusher: Pusher) -> dict[str, Any]:
    """Put all directories' images into one, which the app then pushes."""
    given = os.environ.get("BOOKSYNC_TEST_IMAGES")
    if not given:
        pytest.fail("set BOOKSYNC_TEST_IMAGES, such as to the result of: nix build .#booksync-api-auth")
    merged: dict[str, Any] = {}
    union = tmp_path / "real-images"
    union.mkdir()
    for directory in given.split(":"):
        for name, entry in json.loads(Path(directory, "digests.json").read_text()).items():
            merged[name] = entry
            (union / name).symlink_to(Path(directory, name))
    (union / "digests.json").write_text(json.dumps(merged))
    pusher.environment["BOOKSYNC_IMAGES"] = str(union)
    return merged


def blob_sizes(entry: dict[str, Any]) -> dict[str, int]:
    """Return digest -> bytes of everything of an image."""
    parts = [entry]
    for architecture in entry["architectures"].values():
        parts += [architecture["manifest"], architecture["config"], *architecture["layers"]]
    return {part["digest"]: part["size"] for part in parts}


def artifact_sizes(directory: Path, digests: dict[str, Any]) -> dict[str, int]:
    """Return digest -> bytes of all artifacts about the images."""
    return {
        f"sha256:{blob.name}": blob.stat().st_size
        for name in digests
        for blob in (directory / name / "blobs/sha256").iterdir()
        if f"sha256:{blob.name}" not in blob_sizes(digests[name])
    }


def test_the_images_are_pushed_and_pulled_with_equal_digests(
    pusher: Pusher,
    digests: dict[str, Any],
    proxy: Proxy,
    registry: DockerRegistry,
    skopeo: list[str],
    tmp_path: Path,
) -> None:
    first = pusher(f"{proxy.address}/booksync")
    assert first.code == 0, first.errors
    # this registry does not list referrers by itself: oras keeps the lists under tags, and says nothing of them
    lists = sum(request.size for request in proxy.received if "/manifests/sha256-" in request.path)
    assert first.sent == proxy.body_bytes - lists

    # every blob once, whatever number of images has it; each tag sends its index again, manifests are no blobs
    blobs = artifact_sizes(Path(pusher.environment["BOOKSYNC_IMAGES"]), digests)
    again = 0
    for entry in digests.values():
        blobs |= blob_sizes(entry)
        again += 2 * entry["size"]
    assert first.sent == sum(blobs.values()) + again

    for name, entry in digests.items():
        repository, ending = split_variant(name)
        folder = tmp_path / "pulled" / name
        folder.parent.mkdir(exist_ok=True)
        subprocess.run(
            [
                *skopeo,
                "--insecure-policy",
                "copy",
                "--quiet",
                "--all",
                "--src-tls-verify=false",
                f"docker://{registry.address}/booksync/{repository}:{entry['version']}{ending}",
                f"oci:{folder}:pulled",
            ],
            check=True,
        )
        (pulled,) = json.loads((folder / "index.json").read_text())["manifests"]
        assert pulled["digest"] == entry["digest"]
        found = {f"sha256:{path.name}": path.stat().st_size for path in (folder / "blobs/sha256").iterdir()}
        assert found == blob_sizes(entry)
        tags = {f"{tag}{ending}" for tag in (entry["version"], "latest")}
        assert tags <= set(registry.tags(f"booksync/{repository}"))

    proxy.revive()
    second = pusher(f"{proxy.address}/booksync")
    assert second.code == 0
    assert second.sent == proxy.body_bytes == 0
