import os
import shutil
from pathlib import Path

import pytest

PROGRAMS = ("cat", "ls", "mkdir", "mv", "od", "rm", "sh", "sync", "tr")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with all that scripts of the module find on their PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    given = os.environ.get("BOOKSYNC_BUSYBOX")
    for name in PROGRAMS:
        program = given or shutil.which(name) or pytest.fail(f"{name} is not on the PATH; set BOOKSYNC_BUSYBOX")
        (folder / name).symlink_to(program)
    return folder
