"""Measure the Data API and write bench/data.md: `TEST_DATABASE_URL=… .venv/bin/python -m bench.data`.

Service, database and client share the machine. Each figure of a query stands beside the same query answered by FastAPI
and asyncpg alone (bench/bare.py), measured in turns in one run; those of batches beside asyncpg without any service.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
from bench.bare import COLUMNS, run_bare
from bench.load import Load, compare, make_request, pool, run_load
from bench.report import FOLDER, Row, describe_machine, draw, note
from sqlalchemy.engine import URL

from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.processes import Running, start
from booksync_service_testing.server import execute, make_database, render

SECRET = "of-32-bytes-or-more-for-measuring-alone"  # noqa: S105 - of a service that lives for a minute
VOLUMES = "/api/v1/volume-extra"

ROUNDS = 15
SECONDS = 1.0
CONCURRENT = 20
#: Of each kind, in another order in each turn: what is asked for is not what was asked for a moment ago.
REQUESTS = 20_000
#: As many as all batches take, so that most meet rows that none has written before.
IDS = 200_000
SEED = 1
#: Of 30, the p95 would be no more than the slowest but one.
BATCHES = 100
FILE_ROWS = 100_000

FILL = """
    INSERT INTO data.volume_extra
        (volume_id, object_id, nb_pages, length, length_cm, weight, weight_g, extra_info, source,
        feed, transaction_id)
    SELECT md5(i::text)::uuid, 'object-' || i, i % 400, '17,5', 17.5, '300 g', 300,
        repeat('de bonne facture ', 8), 'seed', 0, 0
    FROM generate_series({first}, {last}) AS i
"""


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


class Growth:
    """How much memory the service takes beyond what it has now, at the most."""

    def __init__(self, service: Running) -> None:
        """Begin, and forget what was the most until now (proc(5), clear_refs)."""
        Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")
        self._service = service
        self._before = service.memory("VmRSS")

    @property
    def mebibytes(self) -> float:
        """What it was until now."""
        return (self._service.memory("VmHWM") - self._before) / 2**20


async def connect(url: URL) -> asyncpg.Connection:
    """Connect to a database without a service."""
    return await asyncpg.connect(render(url.set(drivername="postgresql")))


def ask_one(base: str, ids: Sequence[str], *, headers: Sequence[str] = ()) -> list[bytes]:
    """Ask for one volume after the other."""
    return [make_request("GET", f"{base}/{volume_id}", headers=headers) for volume_id in ids]


def ask_again(volume_id: str, tag: str, *, headers: Sequence[str]) -> bytes:
    """Ask for a volume of which a client has this version."""
    return make_request("GET", f"{VOLUMES}/{volume_id}", headers=[*headers, f"If-None-Match: {tag}"])


def ask_hundred(path: str, ids: Sequence[Sequence[str]], *, headers: Sequence[str] = ()) -> list[bytes]:
    """Ask for a hundred volumes at a time."""
    headers = [*headers, "Content-Type: application/json"]
    return [make_request("POST", path, headers=headers, body=json.dumps({"ids": hundred}).encode()) for hundred in ids]


async def measure_queries(setting: Setting) -> list[Row]:
    """Put load on the service and on the bare application, in turns, for the same volumes."""
    user = [f"{name}: {value}" for name, value in setting.user.items()]
    ids = [str(found) for found in setting.ids]
    one = random.choices(ids, k=REQUESTS)  # noqa: S311
    hundred = [random.sample(ids, 100) for _ in range(REQUESTS // 10)]
    async with httpx.AsyncClient(headers=setting.user) as client:
        tags = {key: (await client.get(setting.address(f"/{key}"))).headers["etag"] for key in set(one)}
    requests = {
        "bare": ask_one("/volume", one),
        "one": ask_one(VOLUMES, one, headers=user),
        "fresh": [ask_again(volume_id, tags[volume_id], headers=user) for volume_id in one],
        "bare hundred": ask_hundred("/volumes", hundred),
        "hundred": ask_hundred(f"{VOLUMES}/lookup", hundred, headers=user),
    }
    loads: dict[str, list[Load]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name, asked in requests.items():
            port = setting.bare if name.startswith("bare") else setting.service.port
            random.shuffle(asked)
            load = await run_load(port, asked, concurrent=CONCURRENT, seconds=SECONDS)
            load.expect(304 if name == "fresh" else 200)
            loads[name].append(load)

    def make_row(words: str, name: str, beside: str, *, rate: float, ratio: float, slowest: float | None) -> Row:
        found = statistics.median(load.rate for load in loads[name])
        reference = statistics.median(load.rate for load in loads[beside])
        p99 = pool(loads[name]).percentile(99)
        share = compare(loads[name], loads[beside])
        goal = f">= {rate:,}/s, ratio >= {ratio}" + (f", p99 <= {slowest} ms" if slowest else "")
        return note(
            words,
            f"{found:,.0f}/s, p99 {p99:.0f} ms",
            goal,
            found >= rate and share >= ratio and (slowest is None or p99 <= slowest),
            f"{share:.2f} of {reference:,.0f}/s",
        )

    return [
        make_row("GET one volume", "one", "bare", rate=900, ratio=0.45, slowest=80),
        make_row("GET one volume, 304 (beside: 200)", "fresh", "bare", rate=1000, ratio=0.45, slowest=80),
        make_row("lookup of 100", "hundred", "bare hundred", rate=300, ratio=0.5, slowest=None),
    ]


async def measure_batches(setting: Setting, client: httpx.AsyncClient) -> Row:
    """Write a thousand volumes that are there, again and again, each time with something else."""
    times, bare = [], []
    connection = await connect(setting.url)
    for turn in range(BATCHES):
        # not those that the service has just written: their pages are warm
        chosen = random.sample(setting.ids, 2000)
        ids, others = chosen[:1000], chosen[1000:]
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
            sorted(others),
            [2000 + turn] * 1000,
        )
        bare.append(time.perf_counter() - begun)
    await connection.close()
    p95 = Load(latencies=times).percentile(95)
    measured = f"p95 {p95:.0f} ms, median {1000 * statistics.median(times):.0f} ms"
    beside = f"asyncpg alone, two columns: median {1000 * statistics.median(bare):.0f} ms"
    return note("bulk upsert of 1,000", measured, "p95 <= 90 ms", p95 <= 90, beside)


async def make_file() -> AsyncIterator[bytes]:
    """Yield a file of new volumes."""
    yield b"volume_id;nb_pages;length;weight;extra_info\n"
    first = random.getrandbits(100) << 20
    for begin in range(0, FILE_ROWS, 1000):
        rows = (
            f"{UUID(int=first + number)};200;17,5;300 g;de bonne facture\n" for number in range(begin, begin + 1000)
        )
        yield "".join(rows).encode()


async def measure_import(setting: Setting, client: httpx.AsyncClient) -> Row:
    """Import a file."""
    growth = Growth(setting.service)
    begun = time.perf_counter()
    headers = {**setting.machine, "Content-Type": "text/csv"}
    answer = await client.post(setting.address("/import"), content=make_file(), headers=headers)
    seconds = time.perf_counter() - begun
    if answer.json()["counts"] != {"created": FILE_ROWS}:
        raise RuntimeError(answer.text[:1000])
    measured = f"{seconds:.1f} s, +{growth.mebibytes:.0f} MiB"
    return note(f"import of {FILE_ROWS:,} rows", measured, "<= 8 s", seconds <= 8)


async def measure_export(setting: Setting, client: httpx.AsyncClient) -> Row:
    """Export everything."""
    growth = Growth(setting.service)
    begun = time.perf_counter()
    rows = -1
    async with client.stream("GET", setting.address("/export"), headers=setting.user) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_raw():
            rows += chunk.count(b"\n")
    seconds = (time.perf_counter() - begun) * 100_000 / rows
    grown = growth.mebibytes
    connection = await connect(setting.url)
    begun = time.perf_counter()
    there = 0
    async with connection.transaction():
        query = f"SELECT {COLUMNS} FROM data.volume_extra WHERE deleted_at IS NULL ORDER BY volume_id"
        async for _ in connection.cursor(query, prefetch=200):
            there += 1
    bare = time.perf_counter() - begun
    await connection.close()
    if rows != there:
        message = f"expected an export of {there} rows, got {rows}"
        raise SystemExit(message)
    measured = f"{seconds:.2f} s, +{grown:.0f} MiB"
    beside = f"asyncpg's cursor alone: {bare * 100_000 / rows:.2f} s"
    is_met = seconds <= 3 and grown <= 64
    return note("export, for 100,000 rows", measured, "<= 3 s, <= 64 MiB", is_met, beside)


@asynccontextmanager
async def prepare(rows: int) -> AsyncIterator[Setting]:
    """Run what is measured, with some volumes."""
    async with make_database() as url, run_fake_auth() as auth:
        variables = {"DATABASE_URL": render(url), "AUTH_API_URL": auth.address, "APP_SECRET_KEY": SECRET, "DEBUG": "0"}
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            start("data", log_path=Path(folder, "log"), **variables) as service,
        ):
            await asyncio.to_thread(service.wait_for, "/health/ready", 200)
            for first in range(1, rows + 1, 100_000):
                await execute(url, FILL.format(first=first, last=min(rows, first + 99_999)))
            await execute(url, "VACUUM ANALYZE")
            connection = await connect(url)
            found = await connection.fetch(
                "SELECT volume_id FROM data.volume_extra ORDER BY md5(object_id) LIMIT $1", IDS
            )
            await connection.close()
            with run_bare(url) as bare:
                user = {"Authorization": f"Bearer {auth.add_user()}"}
                yield Setting(url, service, bare, user, [UUID(str(row["volume_id"])) for row in found])


async def measure(rows: int) -> list[Row]:
    """Measure everything with some volumes in the database."""
    async with prepare(rows) as setting, httpx.AsyncClient(timeout=600, trust_env=False) as client:
        figures = await measure_queries(setting)
        figures.append(await measure_batches(setting, client))
        figures.append(await measure_export(setting, client))
        figures.append(await measure_import(setting, client))
        return figures


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=int, default=[100_000, 1_000_000], help="volumes in the database")
    options = parser.parse_args()
    if min(options.rows) < 2000:
        parser.error(f"expected at least 2000 volumes, two batches, got {min(options.rows)}")
    random.seed(SEED)
    lines = [
        "# The Data API",
        "",
        "Made by `TEST_DATABASE_URL=… .venv/bin/python -m bench.data`",
        f"on {describe_machine()}: one Uvicorn worker, PostgreSQL and",
        f"the client beside it, {CONCURRENT} requests at a time in a closed loop. Rates and ratios are medians of",
        f'{ROUNDS} turns of {SECONDS:g} s; "beside" is FastAPI and asyncpg\'s pool as it comes, without a token',
        "(`bench/bare.py`), asked for the same volumes in turns. Memory is what the service took at the most beyond",
        "what it had before.",
    ]
    for rows in options.rows:
        lines += ["", f"## {rows:,} volumes", "", *draw(asyncio.run(measure(rows)))]
    (FOLDER / "data.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
