"""Bring a service's schema to its newest version, once, however many replicas start together.

Each service has a schema of its own and in it the table that says which migrations have run. One connection does all of
it: it takes an advisory lock (of the session, so it outlives transactions), makes the schema, and migrates.

The lock is tried again and again instead of waited for: a statement that waits holds a snapshot, and CREATE INDEX
CONCURRENTLY in the migration of the replica that has the lock would wait for that snapshot, for ever.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from asyncpg import InsufficientPrivilegeError
from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.ddl import CreateSchema

from booksync_common.database import Database
from booksync_common.failures import FatalError

if TYPE_CHECKING:
    from booksync_common.revisions import Revisions

logger = logging.getLogger(__name__)

VERSION_TABLE = "alembic_version"
INIT_SCRIPT = "/usr/local/share/booksync/init-db.sh in the container booksync-postgres"

# s
LOCK_FIRST_DELAY = 0.1
LOCK_LAST_DELAY = 2.0

Prepare = Callable[[AsyncConnection], Awaitable[None]]

#: `ahead`: a newer version of the service has migrated it, and this one knows nothing of that.
State = Literal["head", "behind", "ahead"]


@dataclass(frozen=True)
class Migrations:
    """A service's migrations: where they are, and what they need to know."""

    package: str  # that has the package `migrations`
    schema: str
    metadata: MetaData
    options: Mapping[str, object] = field(default_factory=dict)  # in op.get_context().opts

    @cached_property
    def revisions(self) -> "Revisions":
        """The revisions. Reads their files, and Alembic, which takes a tenth of the start: nothing to wait for."""
        from booksync_common.revisions import Revisions  # noqa: PLC0415 - see above

        return Revisions(self.package, schema=self.schema, metadata=self.metadata, options=self.options)

    @property
    def lock_key(self) -> int:
        """The advisory lock's key: the same for all replicas of a service, and another for another service."""
        return zlib.crc32(f"booksync migrations of {self.schema}".encode())

    async def revision(self, connection: AsyncConnection) -> str | None:
        """Return the revision that a database is at; None before the first."""
        table = f"{self.schema}.{VERSION_TABLE}"
        if await connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is None:
            return None
        found = await connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - both are constants
        return None if found is None else str(found)

    async def state(self, connection: AsyncConnection) -> State:
        """Compare a database with the migrations."""
        revision = await self.revision(connection)
        if revision == self.revisions.head:
            return "head"
        return "behind" if revision is None or revision in self.revisions.names else "ahead"


async def migrate(database: Database, migrations: Migrations, *, prepare: Prepare | None = None) -> State:
    """Migrate, alone among replicas.

    :param prepare: runs first, under the lock.
    :return: what the database was.
    :raises FatalError: the schema is absent and may not be made, or is not ours.
    """
    async with database.connect_alone() as connection, _lock(connection, migrations.lock_key):
        await _make_schema(connection, database, migrations.schema)
        if prepare is not None:
            await prepare(connection)
        state = await migrations.state(connection)
        await connection.commit()
        if state == "behind":
            logger.info("migrating schema %s to %s", migrations.schema, migrations.revisions.head)
            await connection.run_sync(migrations.revisions.upgrade)
            await connection.commit()
        return state


@asynccontextmanager
async def _lock(connection: AsyncConnection, key: int) -> AsyncIterator[None]:
    delay = LOCK_FIRST_DELAY
    while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
        await connection.commit()
        if delay == LOCK_FIRST_DELAY:
            logger.info("another replica is migrating; waiting for it")
        await asyncio.sleep(delay)
        delay = min(2 * delay, LOCK_LAST_DELAY)
    await connection.commit()
    # the lock ends with the connection, which is closed after this, whatever happens
    yield


async def _make_schema(connection: AsyncConnection, database: Database, schema: str) -> None:
    found = await connection.execute(
        text(
            "SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')"
            " FROM pg_namespace WHERE nspname = :schema"
        ),
        {"schema": schema},
    )
    usable = found.scalar_one_or_none()
    user = database.url.username
    if usable is None:
        try:
            await connection.execute(CreateSchema(schema, if_not_exists=True))
        except DBAPIError as error:
            if not is_permission_denied(error):
                raise
            message = f"schema {schema} is missing in {database.place}, and {user} may not make it: run {INIT_SCRIPT}"
            raise FatalError(message) from error
    elif not usable:
        message = f"schema {schema} of {database.place} is not {user}'s: run {INIT_SCRIPT}"
        raise FatalError(message)
    await connection.commit()


def is_permission_denied(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL refused for want of a privilege."""
    return str(getattr(error.orig, "sqlstate", "")) == str(InsufficientPrivilegeError.sqlstate)
