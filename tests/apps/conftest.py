"""What the tests of `nix run .#push` stand on: tiny images, a real registry, a proxy before it, and the app itself.

From outside come BOOKSYNC_ORAS (else `oras` of the PATH), BOOKSYNC_DOCKER_REGISTRY and BOOKSYNC_SKOPEO: how to run
these programs, as a JSON list (else those of the PATH), and BOOKSYNC_BUSYBOX, where there is no /bin/sh.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_testing.registry import DockerRegistry
from registry_app import Pusher, command_of
from registry_layouts import BASE_BYTES, SHARED_BYTES, TinyImages
from registry_proxy import Proxy


@pytest.fixture
def images(tmp_path: Path) -> TinyImages:
    """Two images that share their base and differ in what they do."""
    (tmp_path / "images").mkdir()
    tiny = TinyImages(tmp_path / "images")
    for name in ("booksync-api-auth", "booksync-api-data"):
        tiny.add(name, layers={"base": BASE_BYTES, "shared": SHARED_BYTES, name: 5_000}, shared=("shared", name))
    return tiny


@pytest.fixture
def oras() -> str:
    given = os.environ.get("BOOKSYNC_ORAS") or shutil.which("oras")
    return given or pytest.fail("oras is not on the PATH; set BOOKSYNC_ORAS")


@pytest.fixture
def pusher(tmp_path: Path, images: TinyImages, oras: str) -> Pusher:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "BOOKSYNC_IMAGES": str(images.directory),
        "BOOKSYNC_ORAS": oras,
        "HOME": str(home),
        "PATH": str(home / "bin"),
    }
    return Pusher(environment=environment, home=home)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    server = DockerRegistry(command_of("BOOKSYNC_DOCKER_REGISTRY", "docker-registry"), folder)
    yield server
    server.stop()


@pytest.fixture
def proxy(registry: DockerRegistry) -> Iterator[Proxy]:
    server = Proxy(registry.address)
    yield server
    server.stop()


@pytest.fixture
def skopeo() -> list[str]:
    return command_of("BOOKSYNC_SKOPEO", "skopeo")
