"""What is common to the tests of deploy/."""

import ctypes
import os
from pathlib import Path

import pytest

from booksync_testing.compose import Compose

# what is compiled of the services needs it, and the builder's libc has none; a loaded library is taken by its name
if "BOOKSYNC_LIBSTDCXX" in os.environ:
    ctypes.CDLL(os.environ["BOOKSYNC_LIBSTDCXX"], ctypes.RTLD_GLOBAL)


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    """Return compose in an empty folder."""
    return Compose(tmp_path)
