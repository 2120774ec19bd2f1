"""What reports have in common: the machine, and tables of what was measured beside what it should be."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """A figure.

    :param beside: what the same is without us, in the same run
    :param met: whether it is what it should be; None where there is no goal
    """

    name: str
    measured: str
    goal: str = ""
    met: bool | None = None
    beside: str = ""

    def __post_init__(self) -> None:
        """Show it when it is there, as all of them take minutes."""
        print(f"{self.name}: {self.measured}", f"(goal: {self.goal})" if self.goal else "", file=sys.stderr)


def draw(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table."""
    has_beside = any(row.beside for row in rows)
    lines = ["| what | measured | goal | met |", "|---|---|---|---|"]
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "**no**"
        lines.append(f"| {row.name} | {row.measured} | {row.goal} | {met} |")
    if has_beside:
        cells = ["beside", "---", *(row.beside for row in rows)]
        lines = [f"{line} {cell} |" for line, cell in zip(lines, cells, strict=True)]
    return lines


def describe_machine() -> str:
    """Return the machine's cores, its processor and its load (of a minute)."""
    information = Path("/proc/cpuinfo").read_text().splitlines()
    # arm64 has no such line
    model = next((line.partition(":")[2].strip() for line in information if "model name" in line), os.uname().machine)
    return f"{len(os.sched_getaffinity(0))} cores ({model}, load {os.getloadavg()[0]:.1f})"
