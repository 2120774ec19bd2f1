"""Files of any length go in and out in little memory, and one that breaks off leaves nothing half done."""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from booksync_api_data.transfer import exporting
from booksync_common.database import Database
from booksync_data_testing.api import MACHINE, SECRET, VOLUMES, Api, empty
from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.loopback import serve_on_loopback
from booksync_service_testing.processes import Running, start
from booksync_service_testing.server import execute, render
from booksync_service_testing.serving import PATIENCE, wait_for

MIB = 1024 * 1024
LONG = 200 * MIB
#: Bytes that the process may grow by.
GROWTH = 64 * MIB

ROWS = 50

CSV = {**MACHINE, "Content-Type": "text/csv"}


@asynccontextmanager
async def run_process(url: URL, log_path: Path) -> AsyncIterator[tuple[Running, Mapping[str, str]]]:
    """Run the service as a process of its own; with the headers of a user."""
    async with run_fake_auth() as auth:
        variables = {"DATABASE_URL": render(url), "AUTH_API_URL": auth.address, "APP_SECRET_KEY": SECRET}
        with start("data", log_path=log_path, **variables) as running:
            await asyncio.to_thread(running.wait_for, "/health/ready", 200)
            yield running, {"Authorization": f"Bearer {auth.add_user()}"}


def make_client(running: Running) -> httpx.AsyncClient:
    """Talk to a process."""
    return httpx.AsyncClient(base_url=running.address, timeout=PATIENCE, trust_env=False)


async def make_rows(number: int, *, text: str) -> AsyncIterator[bytes]:
    """Yield a file of CSV, some rows at a time."""
    yield b"volume_id,nb_pages,extra_info\n"
    for begin in range(0, number, ROWS):
        positions = range(begin, min(begin + ROWS, number))
        yield "".join(f"{uuid.UUID(int=position)},{position},{text}\n" for position in positions).encode()


async def count(url: URL) -> int:
    """Count the volumes, from beside the service."""
    return int(str(await execute(url, "SELECT count(*) FROM data.volume_extra")))


async def test_a_long_file_goes_in_and_out_in_little_memory(data_url: URL, running_api: object, tmp_path: Path) -> None:
    del running_api
    await empty(data_url)
    text = "long " * 3999
    rows = LONG // len(text)
    async with run_process(data_url, tmp_path / "log") as (running, user), make_client(running) as client:
        small = await client.post(f"{VOLUMES}/import", content=make_rows(10, text=text), headers=CSV)
        assert small.json()["counts"] == {"created": 10}
        async with client.stream("GET", f"{VOLUMES}/export", headers=user) as answer:
            await answer.aread()
        before = running.memory("VmRSS")
        content = make_rows(rows, text=text)
        imported = await client.post(f"{VOLUMES}/import", content=content, headers=CSV)
        assert imported.json()["counts"] == {"unchanged": 10, "created": rows - 10}
        assert running.memory("VmHWM") - before < GROWTH
        length = 0
        async with client.stream("GET", f"{VOLUMES}/export", headers=user) as answer:
            async for chunk in answer.aiter_bytes():
                length += len(chunk)
        assert length > LONG
        assert running.memory("VmHWM") - before < GROWTH


@pytest.mark.parametrize("is_atomic", [True, False])
async def test_killed_in_the_middle_of_an_import(
    data_url: URL, running_api: Api, tmp_path: Path, is_atomic: bool
) -> None:
    """Atomic, nothing of it is there; otherwise some batches are, and the same file sent again makes up the rest."""
    await empty(data_url)
    rows = 5000
    parameters: dict[str, Any] = {"atomic": str(is_atomic).lower()}

    async with run_process(data_url, tmp_path / "first") as (running, _), make_client(running) as client:

        async def break_off() -> AsyncIterator[bytes]:
            async for chunk in make_rows(rows // 2, text="x" * 100):
                yield chunk
            await wait_until(data_url, WRITTEN if is_atomic else COMMITTED)
            running.process.kill()
            await asyncio.to_thread(running.process.wait)

        with pytest.raises(httpx.TransportError):
            await client.post(f"{VOLUMES}/import", content=break_off(), headers=CSV, params=parameters)
    left = await count(data_url)
    assert left == 0 if is_atomic else 0 < left < rows
    assert await execute(data_url, "SELECT count(feed) FROM data.volume_extra") == left
    again = await running_api.upload(make_rows(rows, text="x" * 100), **parameters)
    assert again.json()["counts"] == {"created": rows - left} | ({"unchanged": left} if left else {})
    assert await count(data_url) == rows


OPEN = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'booksync-api-data' AND state <> 'idle'
"""
COMMITTED = "SELECT EXISTS (SELECT FROM data.volume_extra)"
#: Something, in a transaction that may be open.
WRITTEN = f"{COMMITTED} OR ({OPEN} AND backend_xid IS NOT NULL) > 0"


async def wait_until(url: URL, condition: str) -> None:
    """Wait until a query is true."""
    async with asyncio.timeout(PATIENCE):
        while not await execute(url, condition):
            await asyncio.sleep(0.05)


async def test_a_client_that_goes_away_ends_the_query(data_url: URL, running_api: object, tmp_path: Path) -> None:
    del running_api
    await empty(data_url)
    async with run_process(data_url, tmp_path / "log") as (running, user), make_client(running) as client:
        await client.post(f"{VOLUMES}/import", content=make_rows(2000, text="x" * 10_000), headers=CSV)
        async with client.stream("GET", f"{VOLUMES}/export", headers=user) as answer:
            chunks = answer.aiter_raw()
            await anext(chunks)
            assert await execute(data_url, OPEN) == 1
        async with asyncio.timeout(PATIENCE):
            while await execute(data_url, OPEN) != 0:
                await asyncio.sleep(0.05)
        # and the connection is good for others
        assert (await client.get(f"{VOLUMES}/stats", headers=user)).json()["volumes"] == 2000
        assert [line for line in running.log() if line["level"] in ("error", "critical")] == []


async def test_a_client_that_stops_reading_ends_the_query(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets no end of its answer, and others the connection."""
    monkeypatch.setattr(exporting, "PAUSE", 0.5)
    await api.upload(make_rows(2000, text="x" * 10_000))
    caplog.clear()
    database: Database = api.serving.app.state.database
    pool: Any = database.engine.pool
    loop = asyncio.get_running_loop()
    async with serve_on_loopback(api.serving.app) as address:
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", int(address.rpartition(":")[2])))
            head = (
                f"GET {VOLUMES}/export HTTP/1.1\r\nHost: x\r\nAuthorization: {api.sign_in()['Authorization']}\r\n\r\n"
            )
            await loop.sock_sendall(client, head.encode())
            assert (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 200 ")
            assert (pool.checkedout(), await execute(api.url, OPEN)) == (1, 1)
            await wait_for(lambda: pool.checkedout() == 0)
            assert await execute(api.url, OPEN) == 0
            tail = b""
            while chunk := await loop.sock_recv(client, MIB):
                tail = (tail + chunk)[-5:]
            assert tail != b"0\r\n\r\n"
    assert len([record for record in caplog.records if record.levelno > logging.INFO]) == 1


async def test_an_export_outlasts_a_client_that_is_slow(data_url: URL) -> None:
    limit = {"idle_in_transaction_session_timeout": "1s"}
    database = Database(data_url, application="test", schema="data", server_settings=limit)
    statement = select(func.generate_series(1, 2 * exporting.CHUNK).label("number"))
    numbers = exporting.Renderer(b"", lambda rows: b"".join(b"%d\n" % row.number for row in rows))
    try:
        pieces = []
        async for piece in exporting.stream_rows(database, statement, numbers):
            pieces.append(piece)
            if len(pieces) == 2:
                await asyncio.sleep(2)
        assert b"".join(pieces).split() == [b"%d" % number for number in range(1, 2 * exporting.CHUNK + 1)]
    finally:
        await database.close()


async def test_an_export_goes_out_in_small_pieces() -> None:
    """A client that is slow takes one of them in time, where a whole chunk would be long on its way."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"head"
        yield bytes(range(256)) * (exporting.PIECE // 100)

    response = await exporting.ExportResponse.start(chunks(), kind="csv", name="x")
    sent = [bytes(piece) async for piece in response.body_iterator]  # type: ignore[arg-type]  # bytes alone
    assert b"".join(sent) == b"head" + bytes(range(256)) * (exporting.PIECE // 100)
    assert max(map(len, sent)) == exporting.PIECE
