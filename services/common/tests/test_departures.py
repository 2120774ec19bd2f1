"""Rows of a deleted profile go, whatever happens in between: the Auth API away, its answer garbage, a failure here."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast
from uuid import UUID

import pytest
from sqlalchemy import Column, CursorResult, MetaData, Table, Uuid, delete
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, PlainTextResponse, Response

from booksync_common import departures
from booksync_common.auth_client import AuthClient
from booksync_common.database import Database
from booksync_common.departures import Departures
from booksync_service_testing.fake_auth import FakeAuth
from booksync_service_testing.server import execute, make_database
from booksync_service_testing.serving import PATIENCE, wait_for

KEPT = Table("kept", MetaData(schema="public"), Column("user_id", Uuid))


async def forget(session: AsyncSession, users: Sequence[UUID]) -> int:
    """Delete rows of a table of the test's own."""
    result = await session.execute(delete(KEPT).where(KEPT.c.user_id.in_(users)))
    return cast(CursorResult[tuple[()]], result).rowcount


@asynccontextmanager
async def following(auth: FakeAuth) -> AsyncIterator[URL]:
    """Follow a list, in a database with a table."""
    client = AuthClient([auth.address])
    part = Departures(client, forget, interval=0.05)
    async with make_database() as url:
        await execute(url, "CREATE TABLE kept (user_id uuid)")
        database = Database(url, application="test", schema="public")
        await client.open()
        task = asyncio.create_task(part.attend(database))
        try:
            yield url
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.close()
            await database.close()


async def insert_user(url: URL) -> UUID:
    """Store a row of a user."""
    user_id = uuid.uuid4()
    await execute(url, f"INSERT INTO kept VALUES ('{user_id}')")
    return user_id


async def wait_until_gone(url: URL, user_id: UUID) -> None:
    """Wait until a user has no row."""
    async with asyncio.timeout(PATIENCE):
        while await execute(url, f"SELECT count(*) FROM kept WHERE user_id = '{user_id}'"):
            await asyncio.sleep(0.05)


async def test_rows_of_deleted_profiles_go_and_others_stay(auth: FakeAuth) -> None:
    async with following(auth) as url:
        gone, stays = await insert_user(url), await insert_user(url)
        auth.deleted.append(gone)
        await wait_until_gone(url, gone)
        assert await execute(url, f"SELECT count(*) FROM kept WHERE user_id = '{stays}'") == 1
        # written with a token that was still good, or brought back by a backup
        await execute(url, f"INSERT INTO kept VALUES ('{gone}')")
        await wait_until_gone(url, gone)


def list_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said of rounds that failed."""
    lines = [record.getMessage() for record in caplog.records if record.name == departures.__name__]
    return [line for line in lines if "dropped" not in line]


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("away", 500),
        PlainTextResponse("<html>"),
        JSONResponse({"items": [{"user_id": "x"}]}),
        JSONResponse({"code": "not_found"}, 404),
    ],
    ids=["away", "html", "garbage", "404"],
)
async def test_a_round_that_fails_is_made_up_for_and_said_once(
    auth: FakeAuth, answer: Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with following(auth) as url:
        auth.misbehaviour = answer
        auth.deleted.append(await insert_user(url))
        before = auth.rounds
        # the second of them begins after the first has failed
        await wait_for(lambda: auth.rounds >= before + 2)
        assert await execute(url, "SELECT count(*) FROM kept") == 1
        auth.misbehaviour = None
        await wait_until_gone(url, auth.deleted[0])
        # that the Auth API is away, its client says
        expected = (
            [] if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR else ["may still be here", "followed again"]
        )
        await wait_for(lambda: len(list_told(caplog)) == len(expected))
    assert all(part in line for part, line in zip(expected, list_told(caplog), strict=True))


async def test_a_database_that_refuses_is_asked_again(auth: FakeAuth, caplog: pytest.LogCaptureFixture) -> None:
    async with following(auth) as url:
        auth.deleted.append(await insert_user(url))
        await wait_until_gone(url, auth.deleted[0])
        await execute(url, "ALTER TABLE kept RENAME TO hidden")
        await wait_for(lambda: "UndefinedTableError" in caplog.text)
        await execute(
            url,
            "ALTER TABLE hidden RENAME TO kept",
            f"INSERT INTO kept VALUES ('{auth.deleted[0]}')",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        await wait_until_gone(url, auth.deleted[0])
