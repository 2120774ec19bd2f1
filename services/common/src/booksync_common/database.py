"""One pool of connections a service, one session a request."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from types import MappingProxyType
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import MetaData, Select, event
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import URL, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.util import await_only, greenlet_spawn

from booksync_common.problems import ProblemError, unavailable

# s
CONNECT_TIMEOUT = 5
COMMAND_TIMEOUT = 30
#: How long a connection may have been idle to be used without asking the server.
MAX_TRUST = 1.0

# of a session; the server's own defaults wait for ever. The server's comes before COMMAND_TIMEOUT: it says what it was
TIMEOUTS = {
    "statement_timeout": "25s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
#: s; a client that lost its power holds locks until the server notices, which is two hours by Linux's own defaults.
KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
NO_TIMEOUTS = dict.fromkeys(TIMEOUTS, "0")

#: What connecting raises, through SQLAlchemy or past it: the server is away, starting, full, or does not know us (yet).
CONNECTION_ERRORS = (OSError, asyncio.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError)

#: PostgreSQL's names of constraints are made by rule, so that a migration can name them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def make_metadata(schema: str) -> MetaData:
    """Make the catalogue of a service's tables, which are all in its schema."""
    return MetaData(schema=schema, naming_convention=NAMING)


def _server_settings(application: str, schema: str, more: Mapping[str, str]) -> dict[str, str]:
    # public has pgvector's type and operators
    return {
        "application_name": application,
        "search_path": f"{schema}, public",
        "timezone": "UTC",
        **KEEPALIVES,
        **more,
    }


def _watch(engine: Engine) -> None:
    """Have the pool give out no connection that is lost.

    Not by `pool_pre_ping`, whose question, in a transaction of its own, costs three round trips each time. asyncpg sees
    when the server hangs up, and only a connection that has been idle may have been lost without a word.
    """

    @event.listens_for(engine, "checkin")
    def note_time(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        idle_since = record.info.get("idle_since")
        if connection.driver_connection.is_closed():
            raise DisconnectionError
        if idle_since is not None and time.monotonic() - idle_since > MAX_TRUST:
            try:
                connection.run_async(lambda driver: driver.fetchrow(";", timeout=CONNECT_TIMEOUT))
            except CONNECTION_ERRORS as error:
                raise DisconnectionError from error

    @event.listens_for(engine, "handle_error")
    def name_lost(context: ExceptionContext) -> Exception | None:
        """Say what asyncpg raises past SQLAlchemy where an answer does not come."""
        if not isinstance(error := context.original_exception, (TimeoutError, OSError)):
            return None
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False
        return OperationalError(context.statement, None, error)


class Database:
    """A service's connections to its database. Making one connects to nothing."""

    def __init__(
        self,
        url: URL,
        *,
        application: str,
        schema: str,
        pool_size: int = 10,
        pool_timeout: float = 5,
        server_settings: Mapping[str, str] = MappingProxyType({}),
        echo: bool = False,
    ) -> None:
        """Describe the pool.

        :param application: as PostgreSQL shows it in pg_stat_activity.
        :param pool_timeout: seconds to wait for a connection before a request gets 503.
        :param server_settings: more of PostgreSQL's, for each connection of the pool.
        :param echo: log each statement, without its values.
        """
        self.url = url
        # asyncpg's own cache of statements, which PgBouncer does not go with; SQLAlchemy would hand it on as text
        size = url.query.get("statement_cache_size")
        self._arguments: dict[str, Any] = {} if size is None else {"statement_cache_size": int(str(size))}
        self._arguments["timeout"] = CONNECT_TIMEOUT
        self.schema = schema
        self.application = application
        self.engine: AsyncEngine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            connect_args={
                **self._arguments,
                "command_timeout": COMMAND_TIMEOUT,
                "server_settings": _server_settings(application, schema, {**TIMEOUTS, **server_settings}),
            },
        )
        _watch(self.engine.sync_engine)
        if echo:
            # not the engine's `echo`, which brings a handler of its own
            logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def place(self) -> str:
        """Where the database is, without the password."""
        host = self.url.host or str(self.url.query.get("host", "localhost"))
        return f"{self.url.database} on {host}:{self.url.port or 5432}"

    @asynccontextmanager
    async def connect_alone(self) -> AsyncIterator[AsyncConnection]:
        """Connect outside of the pool and without time-outs: for migrations, and for waiting on a lock."""
        engine = create_async_engine(
            self.url,
            poolclass=NullPool,
            connect_args={
                **self._arguments,
                "server_settings": _server_settings(f"{self.application}-migrate", self.schema, NO_TIMEOUTS),
            },
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session in a transaction, which is committed at the end of the block.

        :raises ProblemError: 503, when the database cannot be reached.
        :raises sqlalchemy.exc.TimeoutError: when the pool is exhausted.
        """
        async with self.sessions.begin() as session:
            try:
                await session.connection()
            except CONNECTION_ERRORS as error:
                raise _unreachable() from error
            yield session

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection of the pool without a transaction, which spares single reads two round trips.

        :raises ProblemError: 503, when the database cannot be reached.
        :raises sqlalchemy.exc.TimeoutError: when the pool is exhausted.
        """
        try:
            connection = await self._readers.connect()
        except CONNECTION_ERRORS as error:
            raise _unreachable() from error
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
        """Select rows past SQLAlchemy, for what is asked all the time: its part would be the larger one.

        :param statement: with parameters as PostgreSQL has them, `$1`; `compile_statement` writes one.
        :raises ProblemError: 503, when the database cannot be reached.
        :raises DBAPIError: as SQLAlchemy would.
        :raises sqlalchemy.exc.TimeoutError: when the pool is exhausted.
        """
        rows: Sequence[Mapping[str, Any]] = await greenlet_spawn(self._fetch, statement, values)
        return rows

    def _fetch(self, statement: str, values: Sequence[object]) -> Any:
        try:
            connection = self.engine.sync_engine.raw_connection()
        except CONNECTION_ERRORS as error:
            raise _unreachable() from error
        with closing(connection):
            driver: Any = connection.driver_connection
            try:
                return await_only(driver.fetch(statement, *values))
            except asyncpg.PostgresError as error:
                raise DBAPIError(statement, None, error) from error
            except (TimeoutError, OSError, asyncpg.InterfaceError) as error:
                # what was given up is still being cancelled, and the next who had the connection would wait for that
                connection.invalidate(error)
                raise OperationalError(statement, None, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _unreachable() -> ProblemError:
    return unavailable("database_unavailable", "The database cannot be reached.")


def compile_statement(statement: Select[*tuple[Any, ...]]) -> str:
    """Write a statement once, for `Database.fetch`; its parameters are numbered as they come in it."""
    return str(statement.compile(dialect=PGDialect_asyncpg()))  # type: ignore[no-untyped-call]


def require_database(request: Request) -> Database:
    """Return the service's database.

    :raises ProblemError: 503, when there is none.
    """
    database: Database | None = request.app.state.database
    if database is None:
        detail = "The service runs without a database: DATABASE_URL is not set."
        raise ProblemError(503, "database_not_configured", detail)
    return database


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Give a request its session.

    :raises ProblemError: 503, when there is no database.
    """
    async with require_database(request).session() as session:
        yield session


async def open_reader(request: Request) -> AsyncIterator[AsyncConnection]:
    """Give a request a connection to read with.

    :raises ProblemError: 503, when there is no database.
    """
    async with require_database(request).reader() as connection:
        yield connection


async def get_database(request: Request) -> Database:
    """Give a request the database.

    :raises ProblemError: 503, when there is none.
    """
    return require_database(request)


#: For what takes more than one transaction.
DatabaseOf = Annotated[Database, Depends(get_database)]

#: Function scope: committed before the answer is sent, so that no 200 is given for what is not stored.
Session = Annotated[AsyncSession, Depends(open_session, scope="function")]

#: For a request that reads and writes nothing; given back before the answer is sent.
Reader = Annotated[AsyncConnection, Depends(open_reader, scope="function")]
