"""Databases of a test's own, on the server that TEST_DATABASE_URL names."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

VARIABLE = "TEST_DATABASE_URL"

#: Whether somebody in this database waits for a lock.
IS_WAITING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def load_server() -> URL:
    """Return the address of a server on which we are a superuser.

    Fails where nobody has said which one: tests without a database would prove nothing.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        message = (
            f"{VARIABLE} is not set: the address of a PostgreSQL server with pgvector and a superuser on it,"
            " like postgresql+asyncpg://postgres@/postgres?host=/run/postgresql"
        )
        pytest.fail(message, pytrace=False)
    url = make_url(address)
    return url if url.database else url.set(database="postgres")


async def execute(url: URL, *statements: str) -> object:
    """Execute statements outside of a transaction and return the last one's first value, if it has any."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    value: object = None
    try:
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
                value = result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()
    return value


@asynccontextmanager
async def make_database() -> AsyncIterator[URL]:
    """Make an empty database, and drop it at the end."""
    server = load_server()
    name = f"test_{uuid.uuid4().hex}"
    await execute(server, f'CREATE DATABASE "{name}"')
    try:
        yield server.set(database=name)
    finally:
        await execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@asynccontextmanager
async def make_role(url: URL, *, schema: str | None = None) -> AsyncIterator[URL]:
    """Make a role that may only log in to a database, and own a schema there, as a service's role does.

    :return: the database's address for that role.
    """
    name = f"role_{uuid.uuid4().hex}"
    password = uuid.uuid4().hex
    database = url.database
    await execute(
        url,
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC',
        f'GRANT CONNECT ON DATABASE "{database}" TO {name}',
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        *([f"CREATE SCHEMA {schema} AUTHORIZATION {name}"] if schema else []),
    )
    try:
        yield url.set(username=name, password=password)
    finally:
        await execute(url, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def render(url: URL) -> str:
    """Write an address as an environment variable has it."""
    return url.render_as_string(hide_password=False)
