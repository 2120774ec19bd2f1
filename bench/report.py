"""What reports have in common: the machine, and tables of what was measured beside what it should be."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TURNS = 3_000_000
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


def measure_python() -> float:
    """Return how long (ns) a turn of a loop that adds takes: some machines are half as fast on some days."""
    started = time.perf_counter()
    total = 0
    for number in range(TURNS):
        total += number
    return (time.perf_counter() - started) / TURNS * 1e9


def describe_machine() -> str:
    """Return the machine's cores, its processor, its load (of a minute) and its speed, and the day."""
    information = Path("/proc/cpuinfo").read_text().splitlines()
    # arm64 has no such line
    model = next((line.partition(":")[2].strip() for line in information if "model name" in line), os.uname().machine)
    load = os.getloadavg()[0]
    today = datetime.now(UTC).date().isoformat()
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({model}, load {load:.1f}, {measure_python():.0f} ns for an addition in Python, {today})"
