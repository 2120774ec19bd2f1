"""What encodes: the images of BOOKSYNC_IMAGES, unpacked once a run."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_testing.encoding import Encoding


@pytest.fixture(scope="session")
def encoding() -> Iterator[Encoding]:
    folder = Path(tempfile.mkdtemp(prefix="parity-"))
    yield Encoding(images=Path(os.environ["BOOKSYNC_IMAGES"]), scripts=Path(__file__).parent, directory=folder)
    shutil.rmtree(folder)
