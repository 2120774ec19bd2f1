"""The image whose documents are under test: BOOKSYNC_IMAGE of BOOKSYNC_IMAGES, for each of its architectures."""

import os
from pathlib import Path

import pytest

from booksync_testing.artifacts import Artifact, read_artifacts
from booksync_testing.layout import ARCHITECTURES, Image, Json, Layout


def setting(name: str) -> str:
    if name not in os.environ:
        pytest.fail(
            f"{name} is not set; run these tests with: nix build .#checks.x86_64-linux.supply-postgres-documents"
        )
    return os.environ[name]


@pytest.fixture(scope="session")
def layout() -> Layout:
    return Layout(Path(setting("BOOKSYNC_IMAGES")).resolve() / setting("BOOKSYNC_IMAGE"))


@pytest.fixture(scope="session", params=ARCHITECTURES)
def image(request: pytest.FixtureRequest, layout: Layout) -> Image:
    return layout.image(request.param)


@pytest.fixture(scope="session")
def artifacts(image: Image) -> dict[str, Artifact]:
    return read_artifacts(image.layout, image.descriptor.digest)


@pytest.fixture(scope="session")
def spdx(artifacts: dict[str, Artifact]) -> Json:
    """The image's bill of materials."""
    return artifacts["application/spdx+json"].only()


@pytest.fixture(scope="session")
def layer_documents(artifacts: dict[str, Artifact]) -> list[bytes]:
    """The layers' bills of materials, lowest first."""
    return list(artifacts["application/vnd.booksync.layers.spdx+json"].documents.values())


@pytest.fixture(scope="session")
def cyclonedx(artifacts: dict[str, Artifact]) -> Json:
    return artifacts["application/vnd.cyclonedx+json"].only()


@pytest.fixture(scope="session")
def provenance(artifacts: dict[str, Artifact]) -> Json:
    return artifacts["application/vnd.in-toto+json"].only()
