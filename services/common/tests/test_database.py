"""The pool gives out no connection that is lost, and asks the server no more than it has to."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Integer, bindparam, literal_column, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from booksync_common import database as module
from booksync_common.database import Database, compile_statement
from booksync_common.problems import from_database
from booksync_service_testing.server import execute


@pytest_asyncio.fixture
async def database(database_url: URL) -> AsyncIterator[Database]:
    """Make a pool of one connection."""
    made = Database(database_url, application="pool-under-test", schema="public", pool_size=1)
    yield made
    await made.close()


async def find_process(database: Database) -> object:
    """Return the server's process of the connection that the pool gives out."""
    async with database.reader() as connection:
        return await connection.scalar(text("SELECT pg_backend_pid()"))


async def test_connection_that_the_server_has_ended_is_replaced(database: Database) -> None:
    first = await find_process(database)
    await execute(database.url, f"SELECT pg_terminate_backend({first}, 10000)")
    async with database.session() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    assert await find_process(database) != first


@pytest.mark.parametrize(("trust", "asked"), [(3600.0, 0), (-1.0, 1)])
async def test_server_is_asked_only_after_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch, trust: float, asked: int
) -> None:
    first = await find_process(database)
    monkeypatch.setattr(module, "MAX_TRUST", trust)
    questions = []
    fetchrow = asyncpg.Connection.fetchrow

    async def count(connection: asyncpg.Connection, statement: str, **options: float) -> object:
        questions.append(statement)
        return await fetchrow(connection, statement, **options)

    # past SQLAlchemy, which has other ways to ask
    monkeypatch.setattr(asyncpg.Connection, "fetchrow", count)
    assert await find_process(database) == first
    assert len(questions) == asked


async def test_the_server_notices_that_a_service_is_gone(database: Database) -> None:
    # by SHOW they are 0 over a Unix socket
    query = "SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp_keepalives_%' AND source = 'client'"
    async with database.reader() as connection:
        shown = {row.name: row.reset_val for row in await connection.execute(text(query))}
    assert shown == {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


async def test_connection_that_does_not_answer_is_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await find_process(database)
    monkeypatch.setattr(module, "MAX_TRUST", -1.0)

    async def fail(_connection: object, _statement: str, **options: float) -> None:
        assert options["timeout"] <= module.CONNECT_TIMEOUT  # of a server that has vanished, not of a statement
        monkeypatch.undo()
        raise OSError

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", fail)
    assert await find_process(database) != first


async def test_rows_past_sqlalchemy_and_their_errors(database: Database) -> None:
    written = compile_statement(
        select(literal_column("1").label("one"), bindparam("other", type_=Integer).label("two"))
    )
    [row] = await database.fetch(written, 2)
    assert (row["one"], row["two"]) == (1, 2)
    with pytest.raises(DBAPIError) as raised:
        await database.fetch("SELECT 1 FROM nowhere")
    assert from_database(raised.value).status == 500
    process = await find_process(database)
    with pytest.raises(DBAPIError) as raised:
        await database.fetch("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)")
    assert from_database(raised.value).status == 503
    assert await find_process(database) != process


@pytest.mark.parametrize(("size", "kept"), [("0", 0), ("100", 1)])
async def test_statements_are_kept_as_the_address_says(database_url: URL, size: str, kept: int) -> None:
    # as PgBouncer wants it, which has another connection for each transaction
    query = {"statement_cache_size": size, "prepared_statement_cache_size": "0"}
    database = Database(database_url.update_query_dict(query), application="pooled", schema="public", pool_size=1)
    statement = compile_statement(select(bindparam("number", type_=Integer).label("number")))
    assert (await database.fetch(statement, 1))[0]["number"] == 1
    rows = await database.fetch(compile_statement(select(text("count(*) AS kept FROM pg_prepared_statements"))))
    assert rows[0]["kept"] >= kept if kept else rows[0]["kept"] == 0
    async with database.connect_alone() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.close()


async def sleep(database: Database, *, is_fetched: bool) -> None:
    """Ask for what takes longer than anybody waits."""
    if is_fetched:
        await database.fetch("SELECT pg_sleep(10)")
    async with database.session() as session:
        await session.execute(text("SELECT pg_sleep(10)"))


@pytest.mark.parametrize("is_fetched", [False, True], ids=["session", "fetch"])
async def test_answer_that_does_not_come_is_named_and_its_connection_replaced(
    database_url: URL, monkeypatch: pytest.MonkeyPatch, is_fetched: bool
) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT", 0.5)
    database = Database(database_url, application="pool-under-test", schema="public", pool_size=1)
    try:
        process = await find_process(database)
        with pytest.raises(DBAPIError) as raised:
            await sleep(database, is_fetched=is_fetched)
        assert from_database(raised.value).code == "database_unavailable"
        assert await find_process(database) != process
    finally:
        await database.close()
