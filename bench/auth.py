"""Measure what the Auth API promises, and write it to bench/auth.md: `.venv/bin/python -m bench.auth`.

TEST_DATABASE_URL names a PostgreSQL server as for the tests. Server, database and this client share the machine.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bench.load import Client, Load, compare, make_request, run_load
from sqlalchemy.engine import URL

from booksync_api_auth.passwords import RETRY_SECONDS
from booksync_auth_testing.household import KEY, PASSWORD, V1
from booksync_service_testing import processes
from booksync_service_testing.server import execute, make_database, render

HERE = Path(__file__).resolve().parent
CONCURRENT = 20
ROUNDS = 20
ROUND_SECONDS = 1
JSON = "Content-Type: application/json"

Row = tuple[str, str, str]


def post(path: str, body: object) -> bytes:
    """Write a request with JSON in it."""
    return make_request("POST", path, headers=[JSON], body=json.dumps(body).encode())


def login(username: str, password: str = PASSWORD) -> bytes:
    """Write a request to sign in."""
    return post(f"{V1}/auth/login", {"username": username, "password": password})


@asynccontextmanager
async def run_bare(url: URL) -> AsyncIterator[int]:
    """Run the bare endpoint and return its port."""
    port = processes.find_free_port()
    variables = {"DATABASE_URL": render(url.set(drivername="postgresql")), "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", env=processes.build_environment(variables)
    )
    try:
        for _ in range(200):
            try:
                await Client(port).send(make_request("GET", "/select"))
            except OSError:
                await asyncio.sleep(0.1)
            else:
                break
        yield port
    finally:
        process.terminate()
        await process.wait()


def read_memory(process: int) -> float:
    """Return a process's resident memory (MB)."""
    line = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def row(name: str, measured: str, goal: str) -> Row:
    """Print a row when it is there, and return it."""
    print(f"{name}: {measured} (goal: {goal})", file=sys.stderr)
    return name, measured, goal


async def measure_checks(bare: int, auth: int, token: str) -> list[Row]:
    """Compare token checks with the bare endpoint, in turns, as the machine is not always equally fast."""
    bearer = f"Authorization: Bearer {token}"
    form = ["Content-Type: application/x-www-form-urlencoded", bearer]
    kinds = {
        "bare": (bare, make_request("GET", "/select")),
        "check": (auth, make_request("GET", f"{V1}/users/me", headers=[bearer])),
        "introspect": (
            auth,
            make_request("POST", f"{V1}/auth/introspect", headers=form, body=f"token={token}".encode()),
        ),
    }
    loads: dict[str, list[Load]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (port, request) in kinds.items():
            loads[name].append(await run_load(port, [request], concurrent=CONCURRENT, seconds=ROUND_SECONDS))
            loads[name][-1].expect(200)
    rates = {name: statistics.median(load.rate for load in found) for name, found in loads.items()}
    slowest = statistics.median(load.percentile(99) for load in loads["check"])
    return [
        row("bare FastAPI endpoint, one asyncpg SELECT", f"{rates['bare']:.0f}/s", ""),
        row("token check (`GET /users/me`)", f"{rates['check']:.0f}/s", ""),
        row("token check to bare endpoint", f"{compare(loads['check'], loads['bare']):.2f}", ">= 0.45"),
        row("token check, p99", f"{slowest:.0f} ms", "<= 80 ms"),
        row("introspection", f"{rates['introspect']:.0f}/s", ">= 900/s"),
    ]


async def measure_sign_ins(auth: int, url: URL, people: list[str]) -> list[Row]:
    """Measure sign-ins with bcrypt's 12 rounds: at 4 at once, a switch of profile, and names that nobody has."""
    at_once = await run_load(auth, [login(name) for name in people], concurrent=4, count=48)
    at_once.expect(200)
    switches = []
    for name in people[:10]:
        started = time.perf_counter()
        _, body = await (client := Client(auth)).send(login(name))
        bearer = f"Authorization: Bearer {json.loads(body)['access_token']}"
        await client.send(make_request("GET", f"{V1}/users/me", headers=[bearer]))
        switches.append(time.perf_counter() - started)
        client.close()
    wrong: dict[str, list[float]] = {"known": [], "unknown": []}
    client = Client(auth)
    for number in range(60):
        kind = ("known", "unknown")[number % 2]
        await execute(url, "DELETE FROM auth.rate_limits")
        started = time.perf_counter()
        await client.send(login(people[0] if kind == "known" else f"Nobody {number}", "not the password"))
        wrong[kind].append(time.perf_counter() - started)
    medians = {kind: 1000 * statistics.median(found) for kind, found in wrong.items()}
    await execute(url, "DELETE FROM auth.rate_limits")
    return [
        row("sign-in, 4 at once, 12 rounds, p95", f"{at_once.percentile(95) / 1000:.2f} s", "<= 1.2 s"),
        row("switch of profile: sign-in and first read, median", f"{statistics.median(switches):.2f} s", "< 0.6 s"),
        row("wrong password, median", f"{medians['known']:.0f} ms", ""),
        row("unknown name, median", f"{medians['unknown']:.0f} ms", "the same"),
    ]


async def measure_storm(auth: int, kind: str, goal: str, rests: Mapping[int, float]) -> list[Row]:
    """Let 50 clients sign in, and ask for health meanwhile."""
    names = [login(f"Nobody {number}") for number in range(1000)]
    storm = asyncio.create_task(run_load(auth, names, concurrent=50, seconds=10, rests=rests))
    await asyncio.sleep(1)
    health = Load()
    client = Client(auth)
    while not storm.done():
        started = time.perf_counter()
        await client.send(make_request("GET", "/health"))
        health.latencies.append(time.perf_counter() - started)
        await asyncio.sleep(0.02)
    load = await storm
    counts = f"{load.statuses.get(401, 0)}, {load.statuses.get(429, 0)}"
    return [
        row(f"`GET /health` while 50 clients sign in {kind}, p99", f"{health.percentile(99):.0f} ms", goal),
        row("of them checked, and turned away with 429", counts, ""),
    ]


async def measure_memory(auth: int, token: str, read: Callable[[], float]) -> list[Row]:
    """Send 100,000 requests and look at the memory on the way."""
    request = make_request("GET", f"{V1}/users/me", headers=[f"Authorization: Bearer {token}"])
    seen = []
    for _ in range(4):
        await run_load(auth, [request], concurrent=CONCURRENT, count=25_000)
        seen.append(read())
    return [
        row(
            "resident memory after 25, 50, 75, 100 thousand requests",
            ", ".join(f"{mb:.0f}" for mb in seen) + " MB",
            "<= 120 MB, flat",
        )
    ]


def describe_machine() -> str:
    """Return the processor's name and how many cores this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "unknown")
    return f"{len(os.sched_getaffinity(0))} cores ({model})"


async def measure() -> list[Row]:
    """Measure everything against one service."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        async with make_database() as url, run_bare(url) as bare:
            variables = {"DATABASE_URL": render(url), "JWT_SECRET_KEY": KEY, "REGISTRATION": "open"}
            with processes.start("auth", log_path=Path(folder, "log"), **variables) as service:
                service.wait_for("/health/ready", 200)
                people = [f"Person {number}" for number in range(12)]
                client = Client(service.port)
                for name in people:
                    await client.send(post("/users", {"username": name, "password": PASSWORD}))
                token = json.loads((await client.send(login(people[0])))[1])["access_token"]
                rows += await measure_checks(bare, service.port, token)
                rows += await measure_sign_ins(service.port, url, people)
                rows += await measure_storm(
                    service.port, "and wait as `Retry-After` says", "< 50 ms", {429: RETRY_SECONDS}
                )
                rows += await measure_storm(service.port, "without pause", "", {})
                rows += await measure_memory(service.port, token, lambda: read_memory(service.process.pid))
    return rows


def main() -> None:
    """Measure, and write the report."""
    lines = [
        "# Auth API",
        "",
        f"Made by `.venv/bin/python -m bench.auth` on {describe_machine()}: one worker, PostgreSQL and the client",
        f"on the same machine, {CONCURRENT} concurrent unless said otherwise.",
        "",
        "| what | measured | goal |",
        "|---|---|---|",
        *(f"| {' | '.join(cells)} |" for cells in asyncio.run(measure())),
    ]
    (HERE / "auth.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
