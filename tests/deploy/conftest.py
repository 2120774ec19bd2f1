"""What is common to the tests of deploy/."""

from pathlib import Path

import pytest

from booksync_testing.compose import Compose
from booksync_testing.libstdcxx import load_libstdcxx

# what is compiled of the services is C++
load_libstdcxx()


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    """Return compose in an empty folder."""
    return Compose(tmp_path)
