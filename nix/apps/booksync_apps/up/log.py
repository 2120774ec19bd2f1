"""What the services say: kept in a file as it comes, and shown to people with each service's name before it."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self, TextIO

from booksync_apps.terminal import printable
from booksync_apps.up.services import NAMES

#: Who speaks when it is none of the services.
SELF = "up"

WIDTH = max(map(len, NAMES))
SEPARATOR = " | "

#: Select Graphic Rendition (ECMA-48, 8.3.117), one a service.
COLOURS = dict(zip(NAMES, ("34", "36", "32", "35"), strict=True)) | {SELF: "1"}

#: Seconds between two looks at a file that grows.
POLL_S = 0.1

#: Bytes after which a new file is begun; the one before is kept.
LIMIT = 16 << 20

#: Of an API's record: said by the line itself, or by its name.
SAID = {"time", "level", "service", "logger", "message", "exception"}


class Log:
    """Both places that a line goes to."""

    def __init__(self, path: Path, *, stream: TextIO | None, is_coloured: bool) -> None:
        """Open the file.

        :param stream: for people; None: there is nobody
        """
        self._path = path
        self._stream = stream
        self._is_coloured = is_coloured
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def line(self, name: str, text: str) -> None:
        """Keep a line, and show it, where that can be: services outlive a full disk, and who looks on."""
        line = f"{name:{WIDTH}}{SEPARATOR}{text}\n"
        with contextlib.suppress(OSError):
            self._keep(line)
        if self._stream is not None:
            try:
                show(line, stream=self._stream, is_coloured=self._is_coloured)
            except OSError:
                self._stream = None

    def _keep(self, line: str) -> None:
        self._file.write(line.encode())
        if self._file.tell() > LIMIT:
            self._path.replace(older(self._path))
            try:
                fresh = self._path.open("ab", buffering=0)
            except OSError:
                # it goes on in this one, until one can be begun
                older(self._path).replace(self._path)
                raise
            self._file.close()
            self._file = fresh

    def say(self, text: str) -> None:
        """Keep and show a line of our own."""
        self.line(SELF, text)


def older(path: Path) -> Path:
    """Return where the file before the present one is."""
    return path.with_suffix(".old")


def is_coloured(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether colours are wanted: on a terminal that has them, unless NO_COLOR says no (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


def show(line: str, *, stream: TextIO, is_coloured: bool, names: Collection[str] = ()) -> None:
    """Show a line of the file.

    :param names: whose lines are shown; nothing: everybody's
    """
    prefix, _, text = line.rstrip("\n").partition(SEPARATOR)
    name = prefix.strip()
    if names and name not in names:
        return
    if is_coloured and name in COLOURS:
        prefix = f"\x1b[{COLOURS[name]}m{prefix}\x1b[0m"
    for part in format_text(text):
        print(f"{prefix}{SEPARATOR}{part}", file=stream, flush=True)


def format_text(text: str) -> Iterator[str]:
    """Yield the lines of a record for people, and anything else as it is; none can move the cursor."""
    record: Any = None
    if text.startswith("{"):
        try:
            record = json.loads(text)
        except ValueError:
            record = None
    if not isinstance(record, dict) or "message" not in record:
        yield printable(text)
        return
    details = [f"{key}={value}" for key, value in record.items() if key not in SAID]
    words = (local_time(record.get("time")), str(record.get("level", "")), str(record["message"]), *details)
    yield printable(" ".join(word for word in words if word))
    for line in str(record.get("exception", "")).splitlines():
        yield f"  {printable(line)}"


def local_time(text: object) -> str:
    """Return a record's time of day, here."""
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone():%H:%M:%S}"
    except ValueError:
        return ""


def read_log(path: Path, *, is_over: Callable[[], bool]) -> Iterator[str]:
    """Yield all lines that were kept, then those that come, also when a new file is begun.

    :param is_over: whether nothing more is to come
    """
    if older(path).exists():
        with older(path).open(errors="replace") as file:
            yield from read_lines(file)
    ended = is_away = False
    while not ended:
        try:
            file = path.open(errors="replace")
        except FileNotFoundError:
            # one file was just ended, and the next is about to be begun; or there is none any more
            ended, is_away = is_away and is_over(), True
            time.sleep(POLL_S)
            continue
        with file:
            replaced = is_away = False
            while not ended and not replaced:
                # looked at first: what was said until then is still read
                ended = is_over()
                replaced = not ended and is_replaced(file, path)
                yield from read_lines(file)
                if not ended and not replaced:
                    time.sleep(POLL_S)


def is_replaced(file: IO[str], path: Path) -> bool:
    """Tell whether another file is at the path by now; none at all may be there between two."""
    try:
        return not os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def read_lines(file: IO[str]) -> Iterator[str]:
    """Yield the lines that are whole so far, and stand before one that is not."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place, os.SEEK_SET)
            return
        yield line
