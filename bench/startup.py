"""Measure how soon images answer after their start, and write bench/startup.md: `.venv/bin/python -m bench.startup`.

Each API image is run as in its contract (bubblewrap, read-only root, no capability) beside the database image, and
asked every few milliseconds from the start of its entry point. The first start of all has a new database, in which the
service makes its tables; the page cache has what was unpacked a moment before. `--image` names some images alone, and
the rows of others stay as they were; prediction's amd64 image takes 12 GB below TMPDIR.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.report import FOLDER, describe_machine

from booksync_fetch.nix import Nix, builder_system
from booksync_testing.layout import Layout
from booksync_testing.postgres import Server, start_postgres
from booksync_testing.rootfs import write_root
from booksync_testing.sandbox import Sandbox, Tools, builder_architecture
from booksync_testing.web import LOOPBACK, free_port, get

DATABASE = "booksync-postgres"
#: Image -> seconds that its start may take.
GOALS = {
    "booksync-api-auth": 1.5,
    "booksync-api-data": 1.5,
    "booksync-api-prediction": 15.0,
    "booksync-api-prediction-onnx": 3.0,
}
RUNS = 7
POLL = 0.005  # s
LIMIT = 300.0  # s


@dataclass(frozen=True)
class Times:
    """Seconds from a start to the first healthy answer.

    :param first: with a new database
    :param processor: processor time of each later start
    :param answering: each later start, to `/health`: the process serves
    :param ready: each later start, to `/health/ready`: the service can do its work
    :param machine: that measured it, and when
    """

    first: float
    processor: list[float]
    answering: list[float]
    ready: list[float]
    machine: str


def build(nix: Nix, name: str) -> Path:
    """Build an attribute and return its store path."""
    (path,) = nix.build([f"packages.{builder_system()}.{name}"], link=FOLDER.parent / ".nix-roots" / f"startup-{name}")
    return path


@contextmanager
def unpack(images: Path, name: str, *, tools: Tools) -> Iterator[Sandbox]:
    """Unpack an image of this machine's architecture for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        image = Layout(images / name).image(builder_architecture())
        write_root(image, Path(folder) / "root")
        yield Sandbox(tools=tools, image=image, root=Path(folder) / "root")


def start(sandbox: Sandbox, server: Server, *, service: str) -> tuple[float, float, float]:
    """Start an image; return processor time, and the seconds to the first answers of `/health` and `/health/ready`."""
    port = free_port()
    environment = {
        "DATABASE_URL": f"postgresql+asyncpg://booksync_{service}:{service}_password@{LOOPBACK}:{server.port}/booksync",
        "HOST": LOOPBACK,
        "PORT": str(port),
    }
    began = time.monotonic()
    seconds = []
    with sandbox.start(environment=environment) as process:
        for path in ("/health", "/health/ready"):
            while (answer := get(port, path)) is None or answer.status != 200:
                if process.poll() is not None or time.monotonic() - began > LIMIT:
                    raise process.error(f"no healthy answer from {path}")
                time.sleep(POLL)
            seconds.append(time.monotonic() - began)
        return process.processor_seconds(), seconds[0], seconds[1]


def measure(nix: Nix, name: str, *, tools: Tools, database: Sandbox) -> Times:
    """Start an image with a new database, and then some times more."""
    service = name.removeprefix("booksync-api-").partition("-")[0]
    with (
        unpack(build(nix, name), name, tools=tools) as sandbox,
        start_postgres(database, user="booksync", environment={"POSTGRES_DB": "booksync"}) as server,
    ):
        _, _, first = start(sandbox, server, service=service)
        later = [start(sandbox, server, service=service) for _ in range(RUNS)]
    processor, answering, ready = (list(column) for column in zip(*later, strict=True))
    return Times(first, processor, answering, ready, describe_machine())


def format_report(measured: dict[str, Times]) -> str:
    """Return the report as Markdown."""
    lines = [
        "# Start-up",
        "",
        "Made by `.venv/bin/python -m bench.startup`: seconds from the start of the entry point to the first healthy",
        "answer, run by bubblewrap as in the images' contract; a container engine adds to them. One first start, and",
        f"medians of {RUNS} later ones (slowest in brackets), asked every {POLL * 1000:.0f} ms; the goal is for",
        "`/health`.",
        "",
        "| image | first start, new database | `/health` | `/health/ready` | processor time | goal | on |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, times in sorted(measured.items()):
        columns = (times.answering, times.ready, times.processor)
        medians = " | ".join(f"{statistics.median(seconds):.2f} ({max(seconds):.2f})" for seconds in columns)
        lines.append(f"| `{name}` | {times.first:.2f} | {medians} | {GOALS[name]:g} | {times.machine} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", action="append", choices=GOALS, help="default: all")
    options = parser.parse_args(arguments)
    nix = Nix(FOLDER.parent)
    tools = Tools(directory=build(nix, "dev-tools"), busybox=build(nix, "dev-busybox") / "bin/busybox")
    last = FOLDER / "startup.json"
    measured = {name: Times(**times) for name, times in json.loads(last.read_text()).items()} if last.exists() else {}
    with unpack(build(nix, DATABASE), DATABASE, tools=tools) as database:
        for name in options.image or GOALS:
            measured[name] = measure(nix, name, tools=tools, database=database)
            last.write_text(json.dumps({name: asdict(times) for name, times in measured.items()}, indent=1) + "\n")
    (FOLDER / "startup.md").write_text(format_report(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
