"""Images that are pulled together share what they can: only what is their own is moved twice."""

from pathlib import Path

import pytest

from booksync_testing.layout import ARCHITECTURES, Json, Layout

BELOW = 4  # base, CPython, shared compiled wheels, shared pure wheels


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture."""
    name: str = request.param
    return name


def test_auth_and_data_share_all_but_their_own_wheels_and_code(images: Path, architecture: str) -> None:
    auth, data = (
        [layer.digest for layer in Layout(images / f"booksync-api-{name}").image(architecture).layers]
        for name in ("auth", "data")
    )
    assert auth[:BELOW] == data[:BELOW]
    *auth_wheels, auth_common, auth_code = auth[BELOW:]
    common, code = data[BELOW:]  # data has no wheels of its own
    assert auth_common == common
    assert not {*auth_wheels, auth_code} & {common, code}


def test_every_image_stands_on_the_same_base(images: Path, digests: Json, architecture: str) -> None:
    bases = {name: Layout(images / name).image(architecture).layers[0].digest for name in digests}
    assert len(set(bases.values())) == 1, bases


def test_every_image_is_of_the_same_release(images: Path, digests: Json, architecture: str) -> None:
    created = {Layout(images / name).image(architecture).config["created"] for name in digests}
    versions = {said["version"] for said in digests.values()}
    assert len(created) == 1
    assert len(versions) == 1
