"""A machine with other habits builds the same image, byte for byte.

It has another time zone, locale, umask, build folder and number of CPUs, lists folders in the reverse order, seeds its
hashes otherwise, and has its own store paths for every step (`booksync_build.variation`).
"""

import os
from pathlib import Path

import pytest

from booksync_testing.difference import find_difference
from booksync_testing.layout import Image, Layout


@pytest.fixture
def other(layout: Layout, architecture: str) -> Image:
    """Return the image as the other machine has built it."""
    return Layout(Path(os.environ["BOOKSYNC_VARIED_IMAGES"]) / layout.path.name).image(architecture)


def test_was_built_twice(images: Path) -> None:
    assert images.resolve() != Path(os.environ["BOOKSYNC_VARIED_IMAGES"]).resolve()


def test_layers_are_equal(image: Image, other: Image) -> None:
    assert len(image.layers) == len(other.layers)
    for number, (layer, again) in enumerate(zip(image.layers, other.layers, strict=True), start=1):
        if layer.digest != again.digest:
            difference = find_difference(image.layout.blob(layer.digest), other.layout.blob(again.digest))
            pytest.fail(f"layer {number}: {difference or 'the compression alone differs'}")


def test_config_and_manifest_are_equal(image: Image, other: Image) -> None:
    assert image.config == other.config
    assert image.config_descriptor.digest == other.config_descriptor.digest
    assert image.descriptor.digest == other.descriptor.digest
