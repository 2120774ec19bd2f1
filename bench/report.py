"""What reports have in common: the machine, and tables of what was measured beside what it should be."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MET = {True: "yes", False: "**no**", None: ""}


@dataclass(frozen=True)
class Row:
    """A figure.

    :param beside: what the same is without us, in the same run
    :param met: whether it is what it should be; None where there is no goal
    """

    name: str
    measured: str
    goal: str
    met: bool | None
    beside: str


def note(name: str, measured: str, goal: str = "", met: bool | None = None, beside: str = "") -> Row:
    """Return a row, and show it at once, as all of them take minutes."""
    print(f"{name}: {measured}{f' (goal: {goal})' if goal else ''}", file=sys.stderr)
    return Row(name, measured, goal, met, beside)


def draw(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table."""
    columns = ["what", "measured", "goal", "met"]
    cells = [[row.name, row.measured, row.goal, MET[row.met]] for row in rows]
    if any(row.beside for row in rows):
        columns.append("beside")
        cells = [[*line, row.beside] for line, row in zip(cells, rows, strict=True)]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells)]


def describe_machine() -> str:
    """Return the machine's cores, its processor and its load (of a minute)."""
    information = Path("/proc/cpuinfo").read_text().splitlines()
    # arm64 has no such line
    model = next((line.partition(":")[2].strip() for line in information if "model name" in line), os.uname().machine)
    return f"{len(os.sched_getaffinity(0))} cores ({model}, load {os.getloadavg()[0]:.1f})"
