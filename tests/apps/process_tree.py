"""The processes that a program has started."""

from collections.abc import Iterable
from pathlib import Path


def list_descendants(first: int) -> dict[int, str]:
    """Return the processes that one has started, and theirs: id -> words."""
    found = {}
    todo = [first]
    while todo:
        pid = todo.pop()
        try:
            children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just ended
            continue
        todo += children
    found.pop(first, None)
    return found


def list_left(processes: Iterable[int]) -> list[int]:
    """Return those of some processes that are still there."""
    return [pid for pid in processes if Path(f"/proc/{pid}").exists()]
