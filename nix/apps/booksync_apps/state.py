"""A folder that belongs to one running app: made by it, known again, and in use by one at a time.

The lock is the kernel's, on a file that stays: it ends with the process, however that ends (flock(2)).
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from booksync_apps.errors import AppError

#: Tells a folder of ours from any other.
LOCK = "booksync.lock"

MOMENT_S = 0.05
ATTEMPTS = 5


@dataclass(frozen=True)
class Holder:
    """Who uses a folder.

    :param ports: service -> port on the loopback
    """

    pid: int
    ports: Mapping[str, int]


def read_holder(directory: Path) -> Holder | None:
    """Return who uses a folder now, None when nobody does."""
    try:
        with (directory / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Holder(**json.load(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # it is just being written
        time.sleep(MOMENT_S)
        return read_holder(directory)
    return None


@contextmanager
def hold(directory: Path, *, ports: Mapping[str, int], way_out: str) -> Iterator[None]:
    """Make the folder, unless it is there, and be the only one who uses it for the time of the block.

    :param way_out: what to do when another one does
    :raises AppError: it is in use, or cannot be written to
    """
    with take_lock(directory, way_out=way_out) as file:
        file.truncate()
        json.dump(asdict(Holder(os.getpid(), dict(ports))), file)
        file.flush()
        yield


def take_lock(directory: Path, *, way_out: str) -> IO[str]:
    """Make the folder, unless it is there, and return its lock, which is held until it is closed.

    :raises AppError: another one has it, or it cannot be written to
    """
    while True:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.fdopen(os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except OSError as error:
            raise cannot_write(directory, error) from error
        if not take(file):
            file.close()
            holder = read_holder(directory)
            who = f" by process {holder.pid}" if holder else ""
            raise AppError(f"{directory} is in use{who}", way_out=way_out)
        if is_at(directory / LOCK, file):
            return file
        file.close()  # its last holder has removed it: it keeps nobody out


def take(file: IO[str]) -> bool:
    """Take the lock, in spite of those who just look who has it."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(MOMENT_S)
        else:
            return True
    return False


def is_at(path: Path, file: IO[str]) -> bool:
    """Tell whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def check_ours(directory: Path) -> None:
    """Refuse a folder with somebody else's files.

    :raises AppError: it is one
    """
    if directory.exists() and not (directory / LOCK).exists() and any(directory.iterdir()):
        raise AppError(
            f"{directory}: expected an empty folder or one that this app has made, got other files",
            way_out="name another one: --directory DIRECTORY",
        )


def cannot_write(path: Path, error: OSError) -> AppError:
    """Return the one line for a place that cannot be written to."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return AppError(f"{path}: {error.strerror}", way_out="make room there; the same command goes on")
    return AppError(f"{path}: {error.strerror}", way_out="name a folder that can be written to: --directory DIRECTORY")
