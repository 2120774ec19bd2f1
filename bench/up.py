"""Measure `nix run .#up` and write bench/up.md.

    python3 -m bench.up "$(nix eval --raw .#apps.SYSTEM.up.program)"

The program is run as a person would, but for Nix before it (a second) and for ports that nobody has. The first start of
each run has an empty folder: images are unpacked, a database is made and migrated. A later start finds both.
"""

import argparse
import json
import re
import signal
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

from bench.report import FOLDER, describe_machine

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
            process.send_signal(signal.SIGINT)
            ending = time.monotonic()
            process.communicate()
            end = time.monotonic() - ending
        errors.seek(0)
        found = re.findall(r"^up +\| (\w+) is ready after ([\d.]+) s$", errors.read(), re.MULTILINE)
    ready = {service: float(seconds) for service, seconds in found}
    # the program counts from a moment of its own
    before = took - max(ready.values())
    return Start({service: before + seconds for service, seconds in ready.items()}, took, end)


def format_report(first: list[Start], later: list[Start], *, machine: str) -> str:
    """Return the report as Markdown."""

    def row(name: str, starts: list[Start]) -> str:
        columns = [[start.ready[service] for start in starts] for service in SERVICES]
        columns += [[start.first for start in starts], [start.all for start in starts], [start.end for start in starts]]
        return " | ".join([f"| {name}", *(f"{statistics.median(column):.1f}" for column in columns)]) + " |"

    return "\n".join(
        [
            "# `nix run .#up`",
            "",
            f'Made by `python3 -m bench.up "$(nix eval --raw .#apps.SYSTEM.up.program)"` on {machine}:',
            f"seconds from the start of the program until each can do its work, medians of {RUNS} runs; Nix",
            f"itself adds a second. The goal is a first answer within {GOAL:g} s of the first start.",
            "",
            f"| start | {' | '.join(SERVICES)} | first answer of an API | all ready | ^C to the end |",
            f"|---|{'---|' * (len(SERVICES) + 3)}",
            row("first: unpacks the images, makes the database", first),
            row("later", later),
            "",
        ]
    )


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bin/up of the flake's app")
    program = parser.parse_args().program
    machine = describe_machine()
    first, later = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="up-") as folder:
            first.append(start(program, Path(folder) / "state"))
            later.append(start(program, Path(folder) / "state"))
            print(json.dumps([vars(first[-1]), vars(later[-1])]), file=sys.stderr)
    (FOLDER / "up.md").write_text(format_report(first, later, machine=machine))


if __name__ == "__main__":
    main()
