"""Start-up behind an open port: one task that waits for the database, migrates, and loads what takes a while.

Until it is done the service answers on its health addresses, and 503 elsewhere. An orchestrator sees a live process, so
a database that comes minutes later does no harm. What waiting cannot heal ends the process with one line.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Sequence
from typing import NoReturn

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_common.database import CONNECTION_ERRORS, Database
from booksync_common.failures import FatalError
from booksync_common.inspection import find_shared_database
from booksync_common.migrations import Migrations, State, migrate
from booksync_common.parts import Part
from booksync_common.problems import PASSING_STATES

logger = logging.getLogger(__name__)

# s
FIRST_DELAY = 0.5
LAST_DELAY = 10.0
#: A database that stays away is mentioned again after this.
REMINDER = 60.0


def end_process() -> NoReturn:
    """End at once with a non-zero code.

    Not through Uvicorn: it ends by SIGTERM, which process 1 of a container survives, to return 0. Nothing is lost, as
    nothing has been served yet.
    """
    logging.shutdown()
    os._exit(1)


def freeze_memory() -> None:
    """Exempt from garbage collection what the start has made, as it stays to the end.

    A collection walked all of it every few hundred requests, which held every one of them up for some 70 ms.
    """
    gc.collect()
    gc.freeze()


class Startup:
    """The task, and what it has come to."""

    def __init__(
        self,
        *,
        database: Database | None,
        migrations: Migrations,
        parts: Sequence[Part],
        auto_migrate: bool,
        on_ready: Callable[[], None],
        on_fatal: Callable[[], None],
    ) -> None:
        """Describe the start-up; `run` does it.

        :param on_ready: called when everything is started.
        :param on_fatal: called after the line of a fatal failure is in the log.
        """
        self._database = database
        self._migrations = migrations
        self._parts = parts
        self._auto_migrate = auto_migrate
        self._on_ready = on_ready
        self._on_fatal = on_fatal
        self.is_ready = False
        #: What is being done, or has failed; for health answers.
        self.stage = "starting"

    async def run(self) -> None:
        """Start everything, and keep the parts' work in the background going; raises nothing but CancelledError."""
        try:
            await self._run()
        except FatalError as error:
            logger.critical("%s", error)
        except Exception:
            logger.critical("the start failed by an unexpected error", exc_info=True)
        else:
            self._on_ready()
            self.is_ready = True
            self.stage = "ready"
            logger.info("ready")
            await self._attend()
            return
        self.stage = "failed"
        self._on_fatal()

    async def _attend(self) -> None:
        if self._database is None:
            return
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(self._keep_attending(part, self._database), name=part.name)

    async def _keep_attending(self, part: Part, database: Database) -> None:
        """Begin anew after a mistake: work in the background must not end unseen, nor end the service."""
        while True:
            try:
                await part.attend(database)
            except Exception:
                logger.exception("background work of %s failed and begins anew in %g s", part.name, LAST_DELAY)
                await asyncio.sleep(LAST_DELAY)
            else:
                return

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._parts:
                    group.create_task(part.start())
                if self._database is not None:
                    group.create_task(self._wait_for(self._database))
                    # beside all that, and not on the event loop, which has health to answer for
                    group.create_task(asyncio.to_thread(lambda: self._migrations.revisions))
        except* FatalError as errors:
            raise errors.exceptions[0] from None
        if self._database is not None:
            await self._settle(self._database)

    async def _wait_for(self, database: Database) -> None:
        """Connect once, however long it takes.

        A refused password is waited out as well: the role may be made in a minute, by the script that the log names.
        """
        self.stage = "waiting for the database"
        delay, mentioned, silent = FIRST_DELAY, "", 0.0
        while True:
            try:
                async with database.connect_alone() as connection:
                    await connection.execute(text("SELECT 1"))
            except CONNECTION_ERRORS as error:
                reason = describe(error)
                if reason != mentioned or silent >= REMINDER:
                    logger.warning("waiting for the database %s: %s", database.place, reason)
                    mentioned, silent = reason, 0.0
            else:
                return
            await asyncio.sleep(delay)
            silent += delay
            delay = min(2 * delay, LAST_DELAY)

    async def _settle(self, database: Database) -> None:
        """Migrate and look round, again where the server goes away in the middle of it."""
        delay = FIRST_DELAY
        while True:
            try:
                self.stage = "migrating"
                await self._bring_to_head(database)
                async with database.connect_alone() as connection:
                    await self._inspect(connection)
                    for part in self._parts:
                        await part.verify(connection)
            except CONNECTION_ERRORS as error:
                if not is_passing(error):
                    message = f"schema {database.schema} could not be migrated and checked: {describe(error)}"
                    raise FatalError(message) from error
                logger.warning("the database went away during the start: %s", describe(error))
            else:
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY)

    async def _bring_to_head(self, database: Database) -> None:
        if self._auto_migrate:
            state = await migrate(database, self._migrations, prepare=self._prepare)
        else:
            state = await self._wait_for_migration(database)
        if state == "ahead":
            logger.warning(
                "schema %s is newer than this version of the service, which goes on with it", database.schema
            )

    async def _prepare(self, connection: AsyncConnection) -> None:
        for part in self._parts:
            await part.prepare(connection)

    async def _wait_for_migration(self, database: Database) -> State:
        delay = FIRST_DELAY
        while True:
            async with database.connect_alone() as connection:
                state = await self._migrations.state(connection)
            if state != "behind":
                return state
            if delay == FIRST_DELAY:
                logger.warning(
                    "AUTO_MIGRATE is off and schema %s is behind: run `%s migrate`",
                    database.schema,
                    database.application,
                )
                self.stage = "waiting for the migration"
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY)

    async def _inspect(self, connection: AsyncConnection) -> None:
        tables = [table.name for table in self._migrations.metadata.tables.values()]
        if warning := await find_shared_database(connection, schema=self._migrations.schema, tables=tables):
            logger.warning("%s", warning)


def find_cause(error: BaseException) -> BaseException:
    """Return what the driver raised, from within what SQLAlchemy made of it."""
    adapted = getattr(error, "orig", None)
    return error if adapted is None else adapted.__cause__ or adapted


def describe(error: BaseException) -> str:
    """Say what went wrong with a connection, in one line and without the statement."""
    cause = find_cause(error)
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def is_passing(error: BaseException) -> bool:
    """Tell whether the same might work in a moment: the server is away, restarting, full or busy."""
    if isinstance(error, (OSError, asyncio.TimeoutError)) or getattr(error, "connection_invalidated", False):
        return True
    state = getattr(find_cause(error), "sqlstate", None)
    return str(state or "").startswith(PASSING_STATES)
