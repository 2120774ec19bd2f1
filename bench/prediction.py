"""Measure the Prediction API and write bench/prediction.md:
`TEST_DATABASE_URL=… .venv/bin/python -m bench.prediction --models DIR`.

TEST_DATABASE_URL names a PostgreSQL server as for the tests; DIR is the folder usr/local/share/booksync/models of an
image (`nix build` of the layer's tree). Server, database and this client share the machine; the service runs on
onnxruntime. The vectors are made up: series lie about the middle of one of some genres, and volumes about their series.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from bench.load import Client, Load, make_request, run_load
from bench.report import FOLDER, Row, describe_machine, draw, note

from booksync_api_prediction import index
from booksync_service_testing import processes
from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.server import execute, make_database, render

SECRET = "of-32-bytes-or-more-for-measuring-alone"  # noqa: S105 - of a service that lives for minutes
V1 = "/api/v1"
MODEL = "all-MiniLM-L6-v2"
DIMENSION = 384

GENRES = 40
VOLUMES_PER_SERIES = 9
#: Share of a genre's middle in a series' vector, and of a series' in a volume's: cosines of 0.45 and 0.95, about as
#: the model's of French texts.
NEAR_GENRE, NEAR_SERIES = 0.8, 3.0
PILE = 60
SECONDS = 6.0
#: Milliseconds that 95 of 100 searches may take, by how many ask at once.
LIMITS = {1: 30, 8: 80}
RECALLS = 5
INDEX_SECONDS = 900
#: About where an index begins to pay.
COUNTS = (5_000, 10_000, 15_000, 20_000, 40_000)


@dataclass(frozen=True)
class Library:
    """What is in the database: ids of series, and of their volumes."""

    series: Sequence[UUID]
    volumes: Sequence[Sequence[UUID]]


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (n, 384) of length 1."""
    normal: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normal


COLUMNS = ("kind", "item_id", "series_id", "number", "model", "embedding", "content_hash", "text_version", "title",
    "kind_names", "kind_keys", "lang")  # fmt: skip
INSERT = f"""
    INSERT INTO prediction.embeddings ({", ".join(COLUMNS)}, embedded_at)
    VALUES ({", ".join(f"${place}" for place in range(1, 1 + len(COLUMNS)))}, now())
"""


async def fill(url: str, rows: int) -> Library:
    """Store so many vectors, as the service would; a tenth of them are series."""
    chance = np.random.default_rng(1)
    count = rows // (1 + VOLUMES_PER_SERIES)
    genres = normalise(chance.standard_normal((GENRES, DIMENSION)))
    genre_of = chance.integers(GENRES, size=count)
    series = normalise(NEAR_GENRE * genres[genre_of] + normalise(chance.standard_normal((count, DIMENSION))))
    ids = [UUID(bytes=chance.bytes(16)) for _ in range(count)]
    volumes = [[UUID(bytes=chance.bytes(16)) for _ in range(VOLUMES_PER_SERIES)] for _ in range(count)]

    def make(item_id: UUID, place: int, number: int | None, vector: np.ndarray) -> tuple[object, ...]:
        kind, genre = "series" if number is None else "volume", f"genre {genre_of[place]}"
        text = f"[{','.join(f'{value:.6f}' for value in vector)}]"
        title = f"{kind} {place}"
        return kind, item_id, ids[place], number, MODEL, text, b"made up", 1, title, [genre], [genre], "fr"

    def make_series(place: int) -> Iterator[tuple[object, ...]]:
        yield make(ids[place], place, None, series[place])
        noise = normalise(chance.standard_normal((VOLUMES_PER_SERIES, DIMENSION)))
        own = normalise(NEAR_SERIES * series[place] + noise)
        for number, (item_id, vector) in enumerate(zip(volumes[place], own, strict=True), 1):
            yield make(item_id, place, number, vector)

    connection = await asyncpg.connect(url)
    await connection.set_type_codec("halfvec", schema="public", encoder=str, decoder=str, format="text")
    for start in range(0, count, 500):
        batch = [row for place in range(start, min(start + 500, count)) for row in make_series(place)]
        await connection.executemany(INSERT, batch)
    await connection.execute("VACUUM ANALYZE prediction.embeddings")
    await connection.close()
    return Library(ids, volumes)


@dataclass(frozen=True)
class Setting:
    """A service that runs, since when (`time.monotonic`), and what it knows."""

    service: processes.Running
    started: float
    database: str
    token: str
    library: Library

    async def ask(self, path: str) -> dict[str, Any]:
        """Ask for JSON."""
        client = Client(self.service.port)
        body = await client.ask(make_request("GET", f"{V1}{path}", headers=self.headers), status=200)
        client.close()
        answer: dict[str, Any] = json.loads(body)
        return answer

    @property
    def headers(self) -> list[str]:
        """Who asks."""
        return [f"Authorization: Bearer {self.token}"]

    async def count_scans(self) -> int:
        """Return how often PostgreSQL, which weighs the index against comparing with each vector, has used it."""
        # a process tells its figures once a second while it is busy, and the last ones ten seconds after
        await asyncio.sleep(11)
        connection = await asyncpg.connect(self.database)
        query = "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname = $1"
        scans = int(await connection.fetchval(query, index.NAME))
        await connection.close()
        return scans

    async def measure_sizes(self) -> Row:
        """Return what the vectors and their index take of disk and memory."""
        connection = await asyncpg.connect(self.database)
        query = "SELECT pg_relation_size('prediction.embeddings'), pg_relation_size('prediction.' || $1)"
        table, graph = await connection.fetchrow(query, index.NAME)
        await connection.close()
        return note("size of the table, and of the index", f"{table / 1e6:.0f} MB, {graph / 1e6:.0f} MB")


@asynccontextmanager
async def run(models: Path, rows: int, *, hnsw_from: int) -> AsyncIterator[Setting]:
    """Run the service with so many vectors."""
    with tempfile.TemporaryDirectory() as folder:
        async with make_database() as url, run_fake_auth() as auth:
            await execute(url, "CREATE EXTENSION vector")
            variables = {
                "DATABASE_URL": render(url),
                "AUTH_API_URL": auth.address,
                "APP_SECRET_KEY": SECRET,
                "BOOKSYNC_MODELS": str(models),
                "EMBEDDING_MODEL": MODEL,
                "HNSW_MIN_ROWS": str(hnsw_from),
            }
            log = Path(folder, "log")
            # the schema; then, with all rows there, a start that sees at once whether an index is due
            with processes.start("prediction", log_path=log, **variables) as service:
                service.wait_for("/health/ready", 200)
            library = await fill(render(url.set(drivername="postgresql")), rows)
            started = time.monotonic()
            with processes.start("prediction", log_path=log, **variables) as service:
                service.wait_for("/health/ready", 200)
                yield Setting(service, started, render(url.set(drivername="postgresql")), auth.add_user(), library)


def ask_similar(setting: Setting) -> list[bytes]:
    """Ask what is like one series after the other."""
    wanted = random.sample(setting.library.series, 500)
    path = f"{V1}/similar/series/{{}}?min_similarity=0.3&limit=10"
    return [make_request("GET", path.format(found), headers=setting.headers) for found in wanted]


def ask_predict(setting: Setting) -> list[bytes]:
    """Ask what to read of one pile after the other, in a mood."""
    requests = []
    for number in range(200):
        chosen = random.sample(range(len(setting.library.series)), PILE // 3)
        pile = [str(volume) for place in chosen for volume in setting.library.volumes[place][3:6]]
        read = [str(volume) for place in chosen for volume in setting.library.volumes[place][:3]]
        body = {"mood": ("joyeux", "curieux", "détendu")[number % 3], "pile": pile, "read": read, "limit": 3}
        headers = [*setting.headers, "Content-Type: application/json"]
        requests.append(make_request("POST", "/predict", headers=headers, body=json.dumps(body).encode()))
    return requests


def make_row(name: str, load: Load, limit: int | None) -> Row:
    """Say how long answers took, and whether 95 of 100 took at most so many milliseconds."""
    load.expect(200)
    p95 = load.percentile(95)
    measured = f"p95 {p95:.0f} ms, median {load.percentile(50):.0f} ms, {load.rate:.0f}/s"
    return note(name, measured) if limit is None else note(name, measured, f"p95 <= {limit} ms", p95 <= limit)


async def measure_similar(setting: Setting, words: str, *, limits: Mapping[int, int | None]) -> list[Row]:
    """Put load on the search: limits (ms) by how many ask at once."""
    rows = []
    asked = ask_similar(setting)
    await run_load(setting.service.port, asked, concurrent=2, count=50)
    for concurrent, limit in limits.items():
        before = await setting.count_scans()
        load = await run_load(setting.service.port, asked, concurrent=concurrent, seconds=SECONDS)
        used = await setting.count_scans() - before
        share = used / len(load.latencies)
        rows.append(make_row(f"similar, {words}, {concurrent} at once; by the index: {share:.0%}", load, limit))
    return rows


async def measure_index(setting: Setting, words: str, *, must_be_used: bool) -> Row:
    """Wait for the index, and compare it with the truth, as far as PostgreSQL uses it.

    :raises TimeoutError: there is none after some minutes.
    """
    async with asyncio.timeout(INDEX_SECONDS):
        while (await setting.ask("/embeddings/stats"))["index"] != "hnsw":  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.5)
    seconds = time.monotonic() - setting.started
    before = await setting.count_scans()
    found = [(await setting.ask("/embeddings/stats?recall=true"))["recall"]["value"] for _ in range(RECALLS)]
    recall = statistics.mean(found)
    name = f"what the index finds of the ten nearest{words}"
    if await setting.count_scans() == before:
        measured = f"not used; there {seconds:.0f} s after the start"
        return note(name, measured, ">= 0.99", met=False) if must_be_used else note(name, measured)
    return note(name, f"{recall:.3f}; there {seconds:.0f} s after the start", ">= 0.99", recall >= 0.99)


async def measure_both(models: Path) -> list[Row]:
    """Compare the two searches where one takes over from the other (HNSW_MIN_ROWS)."""
    rows = []
    limits = {1: None, 8: None}
    for count in COUNTS:
        async with run(models, count, hnsw_from=1_000_000) as setting:
            rows += await measure_similar(setting, f"exact, {count:,} vectors", limits=limits)
        async with run(models, count, hnsw_from=1) as setting:
            rows.append(await measure_index(setting, f" of {count:,}", must_be_used=False))
            rows += await measure_similar(setting, f"HNSW, {count:,} vectors", limits=limits)
    return rows


async def measure(models: Path) -> list[Row]:
    """Measure everything."""
    async with run(models, 10_000, hnsw_from=1_000_000) as setting:
        rows = await measure_similar(setting, "exact, 10,000 vectors", limits=LIMITS)
    async with run(models, 100_000, hnsw_from=15_000) as setting:
        rows.append(await measure_index(setting, "", must_be_used=True))
        rows.append(await setting.measure_sizes())
        rows += await measure_similar(setting, "HNSW, 100,000 vectors", limits=LIMITS)
        asked = ask_predict(setting)
        await run_load(setting.service.port, asked, concurrent=2, count=20)
        load = await run_load(setting.service.port, asked, concurrent=8, seconds=SECONDS)
        rows.append(make_row(f"predict, pile of {PILE}, 100,000 vectors, 8 at once", load, 250))
        load = await run_load(setting.service.port, asked, concurrent=20, count=500)
        rows.append(make_row("500 predictions, 20 at once, no error", load, None))
        memory = setting.service.memory("VmRSS") / 1e6
        rows.append(note("resident memory after all that", f"{memory:.0f} MB", "<= 350 MB", memory <= 350))
    return rows


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, metavar="DIR")
    models = parser.parse_args().models
    if not (models / MODEL).is_dir():
        parser.error(f"expected a folder with {MODEL} in it, got {models}")
    machine = describe_machine()
    rows, both = asyncio.run(measure(models)), asyncio.run(measure_both(models))
    lines = [
        "# Prediction API",
        "",
        "Made by `TEST_DATABASE_URL=… .venv/bin/python -m bench.prediction --models DIR`",
        f"on {machine}: one worker with onnxruntime, PostgreSQL and",
        "the client on the same machine, in a closed loop.",
        "",
        *draw(rows),
        "",
        "The start: [startup](startup.md); how fast texts are encoded: [encoding](encoding.md).",
        "",
        "## Where an index begins to pay",
        "",
        "What `HNSW_MIN_ROWS` is set by: both searches with as many vectors, in the same run. PostgreSQL's planner",
        "weighs the index against comparing with each vector, and does not use one that does not pay.",
        "",
        *draw(both),
        "",
    ]
    (FOLDER / "prediction.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
