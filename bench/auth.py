"""Measure what the Auth API promises, and write bench/auth.md: `TEST_DATABASE_URL=… .venv/bin/python -m bench.auth`.

TEST_DATABASE_URL names a PostgreSQL server as for the tests. Server, database and this client share the machine.
"""

import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.bare import run_bare
from bench.load import Client, Load, compare, make_request, pool, probe, run_load
from bench.report import FOLDER, Row, describe_machine, draw, note
from sqlalchemy.engine import URL

from booksync_api_auth.passwords import RETRY_SECONDS
from booksync_auth_testing.household import KEY, PASSWORD, V1
from booksync_service_testing import processes
from booksync_service_testing.server import execute, make_database, render

CONCURRENT = 20
ROUNDS = 20
ROUND_SECONDS = 1
JSON = "Content-Type: application/json"


def post(path: str, body: object) -> bytes:
    """Write a request with JSON in it."""
    return make_request("POST", path, headers=[JSON], body=json.dumps(body).encode())


def login(username: str, password: str = PASSWORD) -> bytes:
    """Write a request to sign in."""
    return post(f"{V1}/auth/login", {"username": username, "password": password})


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
    ratio = compare(loads["check"], loads["bare"])
    slowest = pool(loads["check"]).percentile(99)
    return [
        note("bare FastAPI endpoint, one asyncpg SELECT", f"{rates['bare']:.0f}/s"),
        note("token check (`GET /users/me`)", f"{rates['check']:.0f}/s"),
        note("token check to bare endpoint", f"{ratio:.2f}", ">= 0.45", ratio >= 0.45),
        note("token check, p99", f"{slowest:.0f} ms", "<= 80 ms", slowest <= 80),
        note("introspection", f"{rates['introspect']:.0f}/s", ">= 900/s", rates["introspect"] >= 900),
    ]


async def measure_sign_ins(auth: int, url: URL, people: list[str]) -> list[Row]:
    """Measure sign-ins with bcrypt's 12 rounds: at 4 at once, a switch of profile, and names that nobody has."""
    at_once = await run_load(auth, [login(name) for name in people], concurrent=4, count=48)
    at_once.expect(200)
    switches = []
    for name in people[:10]:
        started = time.perf_counter()
        body = await (client := Client(auth)).ask(login(name), status=200)
        bearer = f"Authorization: Bearer {json.loads(body)['access_token']}"
        await client.ask(make_request("GET", f"{V1}/users/me", headers=[bearer]), status=200)
        switches.append(time.perf_counter() - started)
        client.close()
    wrong: dict[str, list[float]] = {"known": [], "unknown": []}
    client = Client(auth)
    for number in range(60):
        kind = ("known", "unknown")[number % 2]
        await execute(url, "DELETE FROM auth.rate_limits")
        started = time.perf_counter()
        name = people[0] if kind == "known" else f"Nobody {number}"
        await client.ask(login(name, "not the password"), status=401)
        wrong[kind].append(time.perf_counter() - started)
    client.close()
    medians = {kind: 1000 * statistics.median(found) for kind, found in wrong.items()}
    await execute(url, "DELETE FROM auth.rate_limits")
    slowest, switch = at_once.percentile(95) / 1000, statistics.median(switches)
    return [
        note("sign-in, 4 at once, 12 rounds, p95", f"{slowest:.2f} s", "<= 1.2 s", slowest <= 1.2),
        note("switch of profile: sign-in and first read, median", f"{switch:.2f} s", "< 0.6 s", switch < 0.6),
        note("wrong password, median", f"{medians['known']:.0f} ms"),
        note("unknown name, median", f"{medians['unknown']:.0f} ms", "the same"),
    ]


def storm(auth: int, rests: Mapping[int, float]) -> Load:
    """Let 50 clients sign in, in a process of their own."""
    names = [login(f"Nobody {number}") for number in range(1000)]
    return asyncio.run(run_load(auth, names, concurrent=50, seconds=10, rests=rests))


async def measure_storm(auth: int, kind: str, rests: Mapping[int, float]) -> list[Row]:
    """Ask for health while 50 clients sign in: in another process, whose work would count as the service's."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        storming = asyncio.get_running_loop().run_in_executor(other, storm, auth, rests)
        await asyncio.sleep(2)
        health = await probe(auth, make_request("GET", "/health"), every=0.02, until=storming.done)
        health.expect(200)
        load = await storming
    load.expect(401, 429)
    counts = f"{load.statuses.get(401, 0)}, {load.statuses.get(429, 0)}"
    slowest = health.percentile(99)
    return [
        note(
            f"`GET /health` while 50 clients sign in {kind}: p99, asked every 20 ms",
            f"{slowest:.0f} ms",
            "< 50 ms",
            slowest < 50,
        ),
        note("of them checked, and turned away with 429", counts),
    ]


async def measure_memory(service: processes.Running, token: str) -> list[Row]:
    """Send 100,000 requests and look at the memory on the way."""
    request = make_request("GET", f"{V1}/users/me", headers=[f"Authorization: Bearer {token}"])
    seen = []
    for _ in range(4):
        load = await run_load(service.port, [request], concurrent=CONCURRENT, count=25_000)
        load.expect(200)
        seen.append(service.memory("VmRSS") / 1e6)
    return [
        note(
            "resident memory after 25, 50, 75, 100 thousand requests",
            ", ".join(f"{mb:.0f}" for mb in seen) + " MB",
            "<= 120 MB, flat",
            max(seen) <= 120 and seen[-1] <= 1.02 * seen[0],
        )
    ]


async def measure() -> list[Row]:
    """Measure everything against one service."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        async with make_database() as url:
            variables = {"DATABASE_URL": render(url), "JWT_SECRET_KEY": KEY, "REGISTRATION": "open"}
            with (
                run_bare(url) as bare,
                processes.start("auth", log_path=Path(folder, "log"), **variables) as service,
            ):
                service.wait_for("/health/ready", 200)
                people = [f"Person {number}" for number in range(12)]
                client = Client(service.port)
                for name in people:
                    await client.ask(post("/users", {"username": name, "password": PASSWORD}), status=201)
                token = json.loads(await client.ask(login(people[0]), status=200))["access_token"]
                client.close()
                rows += await measure_checks(bare, service.port, token)
                rows += await measure_sign_ins(service.port, url, people)
                rows += await measure_storm(service.port, "and wait as `Retry-After` says", {429: RETRY_SECONDS})
                rows += await measure_storm(service.port, "without pause", {})
                rows += await measure_memory(service, token)
    return rows


def main() -> None:
    """Measure, and write the report."""
    machine = describe_machine()
    rows = asyncio.run(measure())
    lines = [
        "# Auth API",
        "",
        "Made by `TEST_DATABASE_URL=… .venv/bin/python -m bench.auth`",
        f"on {machine}: one worker, PostgreSQL and the client",
        f"on the same machine, {CONCURRENT} concurrent in a closed loop unless said otherwise. Rates and ratios are",
        f"medians of {ROUNDS} turns of {ROUND_SECONDS} s. The bare endpoint has asyncpg's pool as it comes, which",
        "resets a connection after each use; the services' own does not.",
        "",
        *draw(rows),
    ]
    (FOLDER / "auth.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
