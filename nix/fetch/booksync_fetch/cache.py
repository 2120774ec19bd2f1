"""The cache folder: each file under its SHA-256, there only when it is whole and verified.

``files/SHA256/NAME`` is a verified file, ``partial/SHA256`` one that is on its way and goes on
from there the next time, ``work/`` scratch space that the next run removes. One run at a time
has the cache, by an advisory lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from booksync_fetch.errors import BootstrapError
from booksync_fetch.progress import say

CHUNK_BYTES = 1 << 20


def default_folder() -> Path:
    """Return ``BOOKSYNC_CACHE``, or ``booksync`` in the user's cache folder (XDG base directories)."""
    if chosen := os.environ.get("BOOKSYNC_CACHE"):
        return Path(chosen).absolute()
    return usual_folder() / "booksync"


def usual_folder() -> Path:
    """Return the user's cache folder (XDG base directories).

    :raises BootstrapError: neither the environment nor the table of users knows a home
    """
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen)
    try:
        return Path("~/.cache").expanduser()
    except RuntimeError as error:
        raise BootstrapError(
            f"expected a home folder of user {os.getuid()}, got none; name folders: "
            "HOME=FOLDER BOOKSYNC_CACHE=FOLDER ./bootstrap ..."
        ) from error


def choose_nix_cache() -> dict[str, str]:
    """Return the variable that lets Nix have its own cache beside the downloads, if the home is read-only."""
    if os.access(existing_folder(usual_folder() / "nix"), os.W_OK):
        return {}
    return {"XDG_CACHE_HOME": str(default_folder())}


def existing_folder(path: Path) -> Path:
    """Return the lowest folder on the way to ``path`` that is there."""
    while not path.exists():
        path = path.parent
    return path


def hash_file(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class Cache:
    """The cache folder of one run; use it as opened by :func:`open_cache`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str, name: str) -> Path:
        """Return where a verified file stands."""
        return self.root / "files" / sha256 / name

    def verify(self, sha256: str, name: str) -> Path:
        """Verify a kept file once more, and return where it stands.

        :raises BootstrapError: it has changed since it was kept; it is removed
        """
        kept = self.path(sha256, name)
        if hash_file(kept) != sha256:
            kept.unlink()
            raise BootstrapError(
                f"{kept}: expected SHA-256 {sha256}, got another since it was verified; it is removed. "
                "Run the same command again, and have the disk looked at"
            )
        return kept

    def partial(self, sha256: str) -> Path:
        """Return where a file is while it comes."""
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / sha256

    def scratch(self, prefix: str) -> Path:
        """Return a new empty folder that is gone after the run."""
        folder = self.root / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=folder))

    def keep(self, source: Path, *, sha256: str, name: str) -> Path:
        """Verify a file that has come, and move it to its place.

        :raises BootstrapError: its hash is another; it is removed
        """
        got = hash_file(source)
        if got != sha256:
            source.unlink()
            raise BootstrapError(
                f"{name}: expected SHA-256 {sha256}, got {got}; what was fetched is removed. "
                "Run the same command again; if it stays so, the registry or a proxy on the way serves another file"
            )
        target = self.path(sha256, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(0o644)
        kept = source.replace(target)
        self.partial(sha256).unlink(missing_ok=True)
        return kept


def open_lock(root: Path) -> IO[str]:
    """Make the cache folder and open the file in it that a run locks.

    :raises BootstrapError: the folder cannot be made or written to
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        return (root / "lock").open("w")
    except OSError as error:
        raise BootstrapError(
            f"{root}: expected a folder to keep downloads in, got: {error.strerror}; "
            "name another one: BOOKSYNC_CACHE=/path ./bootstrap ..."
        ) from error


@contextmanager
def open_cache(root: Path) -> Iterator[Cache]:
    """Have the cache for the time of the block; waits while another run has it.

    :raises BootstrapError: the folder cannot be made or written to
    """
    with open_lock(root) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"fetch: another run has {root}; waiting until it is done")
            fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(root / "work", ignore_errors=True)
        try:
            yield Cache(root)
        finally:
            shutil.rmtree(root / "work", ignore_errors=True)
