"""What a program that goes on has printed so far."""

import subprocess
from pathlib import Path

from booksync_testing.waiting import wait_until


def wait_for_lines(
    process: subprocess.Popen[str], output: Path, *, count: int, errors: Path, seconds: float
) -> list[str]:
    """Return the first lines that a program writes to a file, each with its end.

    :param errors: what it writes to standard error, which is shown when they do not come
    :raises AssertionError: they have not come after so many seconds, or when the program has ended
    """

    def read() -> list[str]:
        return [line for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def has_come() -> bool:
        is_over = process.poll() is not None
        lines = read()
        assert not is_over or len(lines) >= count, f"ended after {lines}:\n{errors.read_text()}"
        return len(lines) >= count

    wait_until(has_come, what=lambda: f"{count} lines, got {read()}:\n{errors.read_text()}", seconds=seconds)
    return read()[:count]
