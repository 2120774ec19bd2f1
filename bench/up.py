"""Measure `nix run .#up` and write bench/up.md.

    .venv/bin/python bench/up.py "$(nix eval --raw .#apps.SYSTEM.up.program)"

The program is run as a person would, but for Nix before it (a second) and for ports that nobody has. The first start of
each run has an empty folder: images are unpacked, a database is made and migrated. A later start finds both.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("postgres", "auth", "data", "prediction")
RUNS = 3
GOAL = 10.0  # s, from the first start to the first answer


@dataclass(frozen=True)
class Start:
    """Seconds of one start.

    :param ready: service -> until it can do its work
    :param end: from ^C to the end
    """

    ready: dict[str, float]
    all: float
    end: float

    @property
    def first(self) -> float:
        """Until the first API can do its work."""
        return min(seconds for service, seconds in self.ready.items() if service != "postgres")


@contextmanager
def free_ports() -> Iterator[list[str]]:
    """Find ports, as the program's options."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket()) for _ in SERVICES]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        names = [f"{service}={probe.getsockname()[1]}" for service, probe in zip(SERVICES, probes, strict=True)]
    yield [word for name in names for word in ("--port", name)]


def start(program: str, folder: Path) -> Start:
    """Start the stack, wait until all are ready, end it."""
    with free_ports() as ports, (folder.parent / "errors").open("w+") as errors:
        begun = time.monotonic()
        with subprocess.Popen(
            [program, "--directory", str(folder), *ports], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            if not process.stdout or not process.stdout.readline():
                errors.seek(0)
                raise SystemExit(errors.read())
            took = time.monotonic() - begun
            process.terminate()
            ending = time.monotonic()
            process.communicate()
            end = time.monotonic() - ending
        errors.seek(0)
        found = re.findall(r"^up +\| (\w+) is ready after ([\d.]+) s$", errors.read(), re.MULTILINE)
    return Start({service: float(seconds) for service, seconds in found}, took, end)


def format_report(first: list[Start], later: list[Start]) -> str:
    """Return the report as Markdown."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    machine = f"{len(os.sched_getaffinity(0))} cores ({model.partition(': ')[2]}, load {os.getloadavg()[0]:.1f})"

    def row(name: str, starts: list[Start]) -> str:
        columns = [[start.ready[service] for start in starts] for service in SERVICES]
        columns += [[start.first for start in starts], [start.all for start in starts], [start.end for start in starts]]
        return " | ".join([f"| {name}", *(f"{statistics.median(column):.1f}" for column in columns)]) + " |"

    return "\n".join(
        [
            "# `nix run .#up`",
            "",
            f'Made by `.venv/bin/python bench/up.py "$(nix eval --raw .#apps.SYSTEM.up.program)"` on {machine}:',
            f"seconds from the start of the program until each can do its work, medians of {RUNS} runs; Nix",
            f"itself adds a second. The goal is a first answer within {GOAL:g} s of the first start.",
            "",
            f"| start | {' | '.join(SERVICES)} | first answer of an API | all ready | ^C to the end |",
            f"|---|{'---|' * (len(SERVICES) + 3)}",
            row("first: unpacks 180 MB, makes the database", first),
            row("later", later),
            "",
        ]
    )


def main(program: str) -> int:
    first, later = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="up-") as folder:
            first.append(start(program, Path(folder) / "state"))
            later.append(start(program, Path(folder) / "state"))
            print(json.dumps([vars(first[-1]), vars(later[-1])]), file=sys.stderr)
    (ROOT / "bench/up.md").write_text(format_report(first, later))
    print(ROOT / "bench/up.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
