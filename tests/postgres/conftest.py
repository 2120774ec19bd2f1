"""The database image for BOOKSYNC_ARCH, unpacked once a run, and an empty data directory for each test."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_testing.libstdcxx import load_libstdcxx
from booksync_testing.postgres import remove_tree
from booksync_testing.sandbox import Sandbox, load_tools
from booksync_testing.service import unpack

IMAGE = "booksync-postgres"

# greenlet, with which the migrations run, is C++
load_libstdcxx()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Return the means to run the database image."""
    directory = Path(tempfile.mkdtemp(prefix="roots-"))
    images = Path(os.environ["BOOKSYNC_IMAGES"]).resolve()
    architecture = os.environ["BOOKSYNC_ARCH"]
    yield unpack(load_tools(), images=images, name=IMAGE, architecture=architecture, directory=directory)
    remove_tree(directory)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Return an empty directory."""
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    yield directory
    remove_tree(directory)


@pytest.fixture
def data(scratch: Path) -> Path:
    """Return an empty directory for PGDATA, as a new volume is one."""
    directory = scratch / "data"
    directory.mkdir(mode=0o700)
    return directory
