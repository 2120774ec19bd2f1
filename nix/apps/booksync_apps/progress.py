"""Tell on stderr what is moving: bytes and time, while it happens and when it is done.

How far oras has come inside one blob is read from the kernel: the position in each blob that the oras process has open
(proc(5), /proc/PID/fdinfo). oras itself draws that only on a terminal, for a person.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

#: Seconds between two lines about the same blob: on a terminal one is overwritten, in a log each stays.
TERMINAL_INTERVAL_S = 0.5
LOG_INTERVAL_S = 10.0

UNITS = ("B", "kB", "MB", "GB", "TB")


def format_bytes(count: int) -> str:
    """Return `12.3 MB`: decimal units, as registries show them."""
    amount, unit = float(count), UNITS[0]
    for unit in UNITS:
        # what would be written as 1000.0 is 1.0 of the next unit
        if amount < 999.95 or unit == UNITS[-1]:
            break
        amount /= 1000
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def format_count(count: int, noun: str) -> str:
    """Return `1 image`, `2 images`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def read_positions(pid: int, paths: Collection[Path]) -> int | None:
    """Return how many bytes of the files a process that has them open has read, None where /proc does not say."""
    total = 0
    # as /proc has them
    resolved = {path.resolve() for path in paths}
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if descriptor.readlink() in resolved:
                first = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().partition("\n")[0]
                total += int(first.removeprefix("pos:"))
        except OSError:  # closed meanwhile
            continue
    return total


@dataclass
class Tally:
    """Bytes of one image, or of all: sent over the network, taken over inside the registry, already there."""

    moved: int = 0
    mounted: int = 0
    present: int = 0

    def add(self, other: "Tally") -> None:
        """Add another image's bytes."""
        self.moved += other.moved
        self.mounted += other.mounted
        self.present += other.present

    def __str__(self) -> str:
        parts = [f"{format_bytes(self.moved)} moved"]
        if self.mounted:
            parts.append(f"{format_bytes(self.mounted)} mounted")
        if self.present:
            parts.append(f"{format_bytes(self.present)} there already")
        return ", ".join(parts)


@dataclass
class Progress:
    """Lines for the person who waits."""

    stream: TextIO
    started: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)
    _furthest: int = 0
    _overwrite: bool = False

    def line(self, text: str) -> None:
        """Write one line that stays."""
        self._clear()
        print(text, file=self.stream, flush=True)
        self._last = time.monotonic()

    def restart(self) -> None:
        """Count from nought again."""
        self._furthest = 0

    def tick(self, done: int, total: int) -> None:
        """Say how many bytes have gone, if nothing was said for a while.

        A blob that was read to its end is closed before the registry has confirmed it: the number never goes back.
        """
        now = time.monotonic()
        done = self._furthest = max(done, self._furthest)
        terminal = self.stream.isatty()
        if now - self._last < (TERMINAL_INTERVAL_S if terminal else LOG_INTERVAL_S):
            return
        self._last = now
        text = f"  {format_bytes(done)} of at most {format_bytes(total)}, {now - self.started:.0f} s"
        if terminal:
            self._clear()
            print(text, end="", file=self.stream, flush=True)
            self._overwrite = True
        else:
            print(text, file=self.stream, flush=True)

    def elapsed(self) -> str:
        """Return the time since the start: `1.2 s`."""
        return f"{time.monotonic() - self.started:.1f} s"

    def _clear(self) -> None:
        if self._overwrite:
            # CSI 2K: erase the line (ECMA-48)
            print("\r\x1b[2K", end="", file=self.stream)
            self._overwrite = False
