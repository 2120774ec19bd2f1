"""Images are found by their short names, and what was built stands in a table of architectures, sizes and digests."""

import json
from pathlib import Path
from typing import Any

import pytest

from booksync_fetch.build import complete_name, format_table, list_images
from booksync_fetch.errors import BootstrapError

NO_IMAGES = ["architecture", "default", "dev-vm"]
NAMES = ["booksync-api-auth", "booksync-postgres", "booksync-postgres-arm64", "images", *NO_IMAGES]


def write_result(folder: Path, name: str, content: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / name).write_text(json.dumps(content))
    return folder


def write_image(folder: Path, architecture: str) -> Path:
    """Write what one image of one architecture is built to."""
    content = {
        "platform": {"os": "linux", "architecture": architecture},
        "manifest": {"digest": "sha256:m", "size": 100_000},
        "config": {"digest": "sha256:c", "size": 200_000},
        "layers": [{"digest": "sha256:l", "size": 1_000_000}, {"digest": "sha256:k", "size": 700_000}],
    }
    return write_result(folder, "image.json", content)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """What `.#images` is built to."""
    part = {"size": 12_300_000, "manifest": {"digest": "sha256:one"}}
    other = {"size": 999, "manifest": {"digest": "sha256:two"}}
    image = {"digest": "sha256:index", "architectures": {"arm64": other, "amd64": part}}
    return write_result(tmp_path / "images", "digests.json", {"booksync-api-auth": image})


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("auth", "booksync-api-auth"),
        ("api-auth", "booksync-api-auth"),
        ("booksync-api-auth", "booksync-api-auth"),
        ("postgres", "booksync-postgres"),
        ("postgres-arm64", "booksync-postgres-arm64"),
        ("images", "images"),
    ],
)
def test_an_image_is_found_by_each_of_its_names(name: str, whole: str) -> None:
    assert complete_name(name, NAMES) == whole


@pytest.mark.parametrize("name", ["nothing", "", "aut", *NO_IMAGES])
def test_what_is_no_image_is_refused_with_the_names_that_are(name: str) -> None:
    with pytest.raises(BootstrapError) as caught:
        complete_name(name, NAMES)
    known = "booksync-api-auth, booksync-postgres, booksync-postgres-arm64, images"
    assert str(caught.value) == f"{name}: expected the name of an image, one of: {known}"


def test_images_are_told_from_what_else_there_is() -> None:
    assert list_images(["booksync-postgres-zstd", *NAMES]) == ["booksync-api-auth", "booksync-postgres"]


def test_all_images_are_a_table_with_index_and_architectures(images: Path) -> None:
    assert format_table([images]).splitlines() == [
        "image              architecture  compressed  digest",
        "booksync-api-auth  index                     sha256:index",
        "booksync-api-auth  amd64            12.3 MB  sha256:one",
        "booksync-api-auth  arm64              999 B  sha256:two",
    ]


def test_an_image_of_one_architecture_is_a_line(tmp_path: Path) -> None:
    result = write_image(tmp_path / "0123-booksync-postgres-arm64", "arm64")
    assert format_table([result]).splitlines() == [
        "image              architecture  compressed  digest",
        "booksync-postgres  arm64             2.0 MB  sha256:m",
    ]


def test_both_kinds_of_results_stand_in_one_table_and_nothing_twice(images: Path, tmp_path: Path) -> None:
    result = write_image(tmp_path / "0123-booksync-postgres-amd64", "amd64")
    lines = format_table([images, result, images, result]).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["booksync-api-auth", "index"],
        ["booksync-api-auth", "amd64"],
        ["booksync-api-auth", "arm64"],
        ["booksync-postgres", "amd64"],
    ]
