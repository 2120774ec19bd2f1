"""A tiny layout that each test can break in its own way."""

from pathlib import Path

import pytest

from booksync_testing.layout_writer import LayoutWriter


@pytest.fixture
def writer(tmp_path: Path) -> LayoutWriter:
    return LayoutWriter(tmp_path / "image")
