"""Another machine's habits, put on before a build step, for the check that none of them gets into an image.

Hashes need no variation: they are seeded at random in every step (``-I`` ignores PYTHONHASHSEED). Nor does the clock.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from booksync_build.attributes import build_directory

#: A zone without a file, so that it needs no tzdata; a locale in which "I".lower() is not what programs expect.
HABITS = {
    "TZ": "ELSEWHERE-13:45",
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
    "USER": "somebody",
    "COLUMNS": "37",
    "SOURCE_DATE_EPOCH": "1234567890",
}

BUILD_FOLDERS = ("NIX_BUILD_TOP", "TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD")


class ReversedScan:
    """What ``os.scandir`` returns, from behind."""

    def __init__(self, scan: Any) -> None:
        self._scan = scan
        self._entries: Iterator[Any] = iter(sorted(scan, key=lambda entry: entry.name, reverse=True))

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._scan.close()


def reverse_folders() -> None:
    """Let every listing of a folder come in the reverse of the usual order."""
    list_folder: Callable[..., list[Any]] = os.listdir
    scan_folder: Callable[..., Any] = os.scandir

    def listdir(*arguments: Any) -> list[Any]:
        return sorted(list_folder(*arguments), reverse=True)

    def scandir(*arguments: Any) -> ReversedScan:
        return ReversedScan(scan_folder(*arguments))

    os.listdir = listdir  # type: ignore[assignment]
    os.scandir = scandir  # type: ignore[assignment]


def move_build_folder() -> None:
    """Go on in a folder of another name and depth."""
    old = build_directory()
    new = old / "another build" / "dossier é"
    new.mkdir(parents=True)
    shutil.copyfile(old / ".attrs.json", new / ".attrs.json")
    os.environ.update(dict.fromkeys(BUILD_FOLDERS, str(new)))
    os.chdir(new)


def apply() -> None:
    """Put all of it on, and be an interpreter that has seen other strings."""
    sys.intern("?")
    sys.intern("\u00bf")
    os.umask(0o077)
    os.environ.update(HABITS)
    time.tzset()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    move_build_folder()
    reverse_folders()
