"""Measure the Data API and write bench/data.md: `.venv/bin/python -m bench.data` with TEST_DATABASE_URL.

Service, database and client share the machine. Each figure of a query stands beside the same query answered by FastAPI
and asyncpg alone (bench/bare.py), measured in turns in one run; those of batches beside asyncpg without any service.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
from bench.bare import COLUMNS
from bench.load import Load, compare, make_request, run_load
from sqlalchemy.engine import URL

from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.processes import Running, build_environment, find_free_port, start
from booksync_service_testing.server import execute, make_database, render

ROOT = Path(__file__).resolve().parent.parent
SECRET = "of-32-bytes-or-more-for-measuring-alone"  # noqa: S105 - of a service that lives for a minute
VOLUMES = "/api/v1/volume-extra"

ROUNDS = 15
SECONDS = 1.0
CONCURRENT = 20
REQUESTS = 2000
BATCHES = 30
FILE_ROWS = 100_000

SEED = """
    WITH volumes AS (
        INSERT INTO data.volume_extra
            (volume_id, object_id, nb_pages, length, length_cm, weight, weight_g, extra_info, source)
        SELECT md5(i::text)::uuid, 'object-' || i, i % 400, '17,5', 17.5, '300 g', 300,
            repeat('de bonne facture ', 8), 'seed'
        FROM generate_series({first}, {last}) AS i RETURNING volume_id
    )
    INSERT INTO data.changes (volume_id, feed, transaction_id, kind, version)
    SELECT volume_id, 0, 0, 'upsert', 1 FROM volumes
"""


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it should be."""

    name: str
    measured: str
    goal: str
    beside: str = ""


@dataclass(frozen=True)
class Setting:
    """What is measured: the service, the bare application, and what is in the database."""

    url: URL
    service: Running
    bare: int  # its port
    user: dict[str, str]
    ids: list[UUID]

    @property
    def machine(self) -> dict[str, str]:
        """The headers of a machine."""
        return {"X-API-Key": SECRET}

    def address(self, path: str = "") -> str:
        """Return an address of the service."""
        return f"{self.service.address}{VOLUMES}{path}"

    def memory(self, name: str) -> int:
        """Return a figure of the service's process, bytes."""
        status = Path(f"/proc/{self.service.process.pid}/status").read_text()
        return int(re.findall(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[0]) * 1024


async def connect(url: URL) -> asyncpg.Connection:
    """Connect to a database without a service."""
    return await asyncpg.connect(render(url.set(drivername="postgresql")))


def ask_one(setting: Setting, *, base: str, headers: Sequence[str] = ()) -> list[bytes]:
    """Ask for one volume after the other."""
    ids = random.choices(setting.ids, k=REQUESTS)  # noqa: S311
    return [make_request("GET", f"{base}/{volume_id}", headers=headers) for volume_id in ids]


def ask_hundred(setting: Setting, *, path: str, headers: Sequence[str] = ()) -> list[bytes]:
    """Ask for a hundred volumes at a time."""
    headers = [*headers, "Content-Type: application/json"]
    bodies = (json.dumps({"ids": [str(found) for found in random.sample(setting.ids, 100)]}) for _ in range(REQUESTS))
    return [make_request("POST", path, headers=headers, body=body.encode()) for body in bodies]


async def measure_queries(setting: Setting) -> list[Figure]:
    """Put load on the service and on the bare application, in turns."""
    user = [f"{name}: {value}" for name, value in setting.user.items()]
    requests = {
        "bare": ask_one(setting, base="/volume"),
        "one": ask_one(setting, base=VOLUMES, headers=user),
        "fresh": ask_one(setting, base=VOLUMES, headers=[*user, 'If-None-Match: "1"']),
        "bare hundred": ask_hundred(setting, path="/volumes"),
        "hundred": ask_hundred(setting, path=f"{VOLUMES}/lookup", headers=user),
    }
    loads: dict[str, list[Load]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, asked in requests.items():
            port = setting.bare if name.startswith("bare") else setting.service.port
            load = await run_load(port, asked, concurrent=CONCURRENT, seconds=SECONDS)
            if load.statuses.keys() != {304 if name == "fresh" else 200}:
                message = f"{name}: {load.statuses}"
                raise RuntimeError(message)
            loads[name].append(load)

    def figure(name: str, words: str, beside: str, goal: str) -> Figure:
        rate = statistics.median(load.rate for load in loads[name])
        reference = statistics.median(load.rate for load in loads[beside])
        slowest = statistics.median(load.percentile(99) for load in loads[name])
        measured = f"{rate:,.0f}/s, p99 {slowest:.0f} ms"
        return Figure(words, measured, goal, f"{compare(loads[name], loads[beside]):.2f} of {reference:,.0f}/s")

    return [
        figure("one", "GET one volume", "bare", ">= 900/s, ratio >= 0.45, p99 <= 80 ms"),
        figure("fresh", "GET one volume, 304", "bare", ">= 1,000/s, ratio >= 0.45, p99 <= 80 ms"),
        figure("hundred", "lookup of 100", "bare hundred", ">= 300/s, ratio >= 0.5"),
    ]


async def measure_batches(setting: Setting, client: httpx.AsyncClient) -> Figure:
    """Write a thousand volumes that are there, again and again, each time with something else."""
    times, bare = [], []
    connection = await connect(setting.url)
    for turn in range(BATCHES):
        ids = random.sample(setting.ids, 1000)
        items = [{"volume_id": str(volume_id), "nb_pages": 1000 + turn, "weight": "0,3 kg"} for volume_id in ids]
        begun = time.perf_counter()
        answer = await client.post(setting.address("/bulk"), json={"items": items}, headers=setting.machine)
        times.append(time.perf_counter() - begun)
        if answer.json()["counts"] != {"updated": 1000}:
            raise RuntimeError(answer.text[:1000])
        begun = time.perf_counter()
        await connection.execute(
            "INSERT INTO data.volume_extra (volume_id, nb_pages) SELECT * FROM unnest($1::uuid[], $2::int[])"
            " ON CONFLICT (volume_id) DO UPDATE SET nb_pages = excluded.nb_pages, updated_at = now()",
            sorted(ids),
            [2000 + turn] * 1000,
        )
        bare.append(time.perf_counter() - begun)
    await connection.close()
    p95 = 1000 * sorted(times)[int(0.95 * BATCHES)]
    measured = f"p95 {p95:.0f} ms, median {1000 * statistics.median(times):.0f} ms"
    beside = f"asyncpg alone, two columns: median {1000 * statistics.median(bare):.0f} ms"
    return Figure("bulk upsert of 1,000", measured, "p95 <= 90 ms", beside)


async def make_file() -> AsyncIterator[bytes]:
    """Yield a file of new volumes."""
    yield b"volume_id;nb_pages;length;weight;extra_info\n"
    first = random.getrandbits(100) << 20
    for begin in range(0, FILE_ROWS, 1000):
        rows = (
            f"{UUID(int=first + number)};200;17,5;300 g;de bonne facture\n" for number in range(begin, begin + 1000)
        )
        yield "".join(rows).encode()


async def measure_import(setting: Setting, client: httpx.AsyncClient) -> Figure:
    """Import a file."""
    before = setting.memory("VmRSS")
    begun = time.perf_counter()
    headers = {**setting.machine, "Content-Type": "text/csv"}
    answer = await client.post(setting.address("/import"), content=make_file(), headers=headers)
    seconds = time.perf_counter() - begun
    if answer.json()["counts"] != {"created": FILE_ROWS}:
        raise RuntimeError(answer.text[:1000])
    grown = (setting.memory("VmHWM") - before) / 2**20
    return Figure(f"import of {FILE_ROWS:,} rows", f"{seconds:.1f} s, +{grown:.0f} MiB", "<= 8 s")


async def measure_export(setting: Setting, client: httpx.AsyncClient) -> Figure:
    """Export everything."""
    before = setting.memory("VmHWM")
    begun = time.perf_counter()
    rows = -1
    async with client.stream("GET", setting.address("/export"), headers=setting.user) as answer:
        async for chunk in answer.aiter_raw():
            rows += chunk.count(b"\n")
    seconds = time.perf_counter() - begun
    grown = (setting.memory("VmHWM") - before) / 2**20
    connection = await connect(setting.url)
    begun = time.perf_counter()
    async with connection.transaction():
        query = f"SELECT {COLUMNS} FROM data.volume_extra WHERE deleted_at IS NULL ORDER BY volume_id"
        async for _ in connection.cursor(query, prefetch=200):
            pass
    bare = time.perf_counter() - begun
    await connection.close()
    measured = f"{seconds * 100_000 / rows:.2f} s, +{grown:.0f} MiB"
    beside = f"asyncpg's cursor alone: {bare * 100_000 / rows:.2f} s"
    return Figure("export, for 100,000 rows", measured, "<= 3 s, <= 64 MiB", beside)


@contextmanager
def run_bare(url: URL) -> Iterator[int]:
    """Run the bare application, and return its port."""
    port = find_free_port()
    environment = build_environment({"DATABASE_URL": render(url.set(drivername="postgresql")), "PORT": str(port)})
    with subprocess.Popen([sys.executable, "-m", "bench.bare"], env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=10)) as client:
                client.get(f"{address}/openapi.json")
            yield port
        finally:
            process.kill()


@asynccontextmanager
async def prepare(rows: int) -> AsyncIterator[Setting]:
    """Run what is measured, with some volumes."""
    async with make_database() as url, run_fake_auth() as auth:
        variables = {"DATABASE_URL": render(url), "AUTH_API_URL": auth.address, "APP_SECRET_KEY": SECRET, "DEBUG": "0"}
        log_path = Path(tempfile.mkdtemp(prefix="bench-")) / "log"
        with start("data", log_path=log_path, **variables) as service:
            await asyncio.to_thread(service.wait_for, "/health/ready", 200)
            for first in range(1, rows + 1, 100_000):
                await execute(url, SEED.format(first=first, last=min(rows, first + 99_999)))
            await execute(url, "VACUUM ANALYZE")
            connection = await connect(url)
            found = await connection.fetch(
                "SELECT volume_id FROM data.volume_extra TABLESAMPLE SYSTEM (100) LIMIT 50000"
            )
            await connection.close()
            with run_bare(url) as bare:
                user = {"Authorization": f"Bearer {auth.add_user()}"}
                yield Setting(url, service, bare, user, [UUID(str(row["volume_id"])) for row in found])


async def measure(rows: int) -> list[Figure]:
    """Measure everything with some volumes in the database."""
    async with prepare(rows) as setting, httpx.AsyncClient(timeout=600, trust_env=False) as client:
        figures = await measure_queries(setting)
        figures.append(await measure_batches(setting, client))
        figures.append(await measure_export(setting, client))
        figures.append(await measure_import(setting, client))
        return figures


def format_report(found: dict[int, list[Figure]], *, busy: tuple[float, float]) -> str:
    """Return the report as Markdown."""
    lines = [
        "# The Data API",
        "",
        f"Made by `.venv/bin/python -m bench.data` on {len(os.sched_getaffinity(0))} cores: one Uvicorn worker,",
        f"PostgreSQL and the client beside it, {CONCURRENT} requests at a time. The load was {busy[0]:.1f} before",
        f"and {busy[1]:.1f} after: far above 1, it did other work, and only the ratios, measured in turns, say much.",
    ]
    for rows, figures in found.items():
        lines += ["", f"## {rows:,} volumes", "", "| what | measured | goal | beside |", "|---|---|---|---|"]
        lines += [f"| {item.name} | {item.measured} | {item.goal} | {item.beside} |" for item in figures]
    return "\n".join([*lines, "", "Beside queries: FastAPI and asyncpg alone, without a token (`bench/bare.py`).", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int, default=[100_000, 1_000_000], help="volumes in the database")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    found = {rows: asyncio.run(measure(rows)) for rows in options.rows}
    report = format_report(found, busy=(before, os.getloadavg()[0]))
    (ROOT / "bench/data.md").write_text(report)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
