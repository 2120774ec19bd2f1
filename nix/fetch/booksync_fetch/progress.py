"""Progress in bytes on standard error: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path

TERMINAL_INTERVAL = 0.2  # s
LOG_INTERVAL = 10.0  # s


def format_bytes(count: float) -> str:
    """Return a number of bytes for people, in powers of 1000 as disks and registries count."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder that another process writes to."""
    # Path.rglob ends with an error where a folder goes meanwhile
    return sum(file_bytes(Path(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def file_bytes(path: Path) -> int:
    """Return the bytes of a file; 0 of a folder, and of what is gone meanwhile."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


class Progress:
    """Counts files and bytes of a fetch, from any thread, and tells its downloads when it was interrupted.

    :param files: files to fetch
    :param total: bytes to fetch
    """

    def __init__(self, *, files: int, total: int) -> None:
        self.files = files
        self.total = total
        self.done_files = 0
        self.done_bytes = 0
        self.watched: list[Callable[[], int]] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.cancelled = threading.Event()
        self.started = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def add_bytes(self, count: int) -> None:
        """Count bytes that have come (or, below zero, that were in vain)."""
        with self.lock:
            self.done_bytes += count

    def add_file(self) -> None:
        """Count a file as fetched and verified."""
        with self.lock:
            self.done_files += 1

    def ensure_wanted(self) -> None:
        """Go on unless the fetch was interrupted.

        :raises CancelledError: it was
        """
        if self.cancelled.is_set():
            raise CancelledError

    def wait(self, seconds: float) -> None:
        """Wait, unless the fetch is interrupted meanwhile.

        :raises CancelledError: it was
        """
        self.cancelled.wait(seconds)
        self.ensure_wanted()

    @contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """Count the bytes below a folder while a client of a registry writes there."""
        before = folder_bytes(folder)

        def count() -> int:
            return folder_bytes(folder) - before

        with self.lock:
            self.watched.append(count)
        try:
            yield
        finally:
            with self.lock:
                self.watched.remove(count)

    def line(self) -> str:
        """Return the state as text."""
        with self.lock:
            watched = list(self.watched)
            files, count = self.done_files, self.done_bytes
        count = min(self.total, count + sum(watch() for watch in watched))
        seconds = max(time.monotonic() - self.started, 0.001)
        return (
            f"fetch: {files} of {self.files} files, {format_bytes(count)} of {format_bytes(self.total)}, "
            f"{format_bytes(count / seconds)}/s"
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the state until the block ends."""
        thread = threading.Thread(target=self._show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            thread.join()
            if self.terminal:
                sys.stderr.write("\r\x1b[K")
            say(self.line())

    def _show(self) -> None:
        while not self.stopped.wait(TERMINAL_INTERVAL if self.terminal else LOG_INTERVAL):
            if self.terminal:
                sys.stderr.write(f"\r\x1b[K{self.line()}")
                sys.stderr.flush()
            else:
                say(self.line())
