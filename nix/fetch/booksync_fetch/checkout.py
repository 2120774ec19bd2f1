"""The project's files, elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from booksync_fetch.errors import BootstrapError


def copy_checkout(root: Path, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
    """Copy the files of a checkout that git knows, as they are: links as links, and those that are removed not.

    :raises BootstrapError: git knows no checkout there
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, env=environment, capture_output=True, check=False)
    if listed.returncode:
        said = listed.stderr.decode(errors="replace").strip()
        raise BootstrapError(f"{root}: expected a checkout of git, got: {said}; clone the repository")
    for name in filter(None, listed.stdout.split(b"\0")):
        source, target = root / os.fsdecode(name), folder / os.fsdecode(name)
        if os.path.lexists(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
