"""A service's own commands, and its application for Uvicorn's command line."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_common.app import create_app, make_database
from booksync_common.database import CONNECTION_ERRORS, Database
from booksync_common.failures import ConfigurationError, FatalError
from booksync_common.logs import configure_logs
from booksync_common.migrations import migrate
from booksync_common.problems import ProblemError
from booksync_common.program import DRAIN, PROTOCOL
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings
from booksync_common.startup import describe

EXIT_REFUSED = 1
EXIT_BEHIND = 1


def load_app[S: ServiceSettings](service: Service[S]) -> FastAPI:
    """Make the application from the environment, for Uvicorn's command line.

    Where the environment will not do, one line on standard error says so, and the process ends with 1.
    """
    try:
        settings = service.settings.load()
    except ConfigurationError as error:
        sys.stderr.write(f"{service.distribution}: {error}\n")
        sys.stderr.flush()
        # not an exception: Uvicorn would show it as a traceback, from within its event loop
        os._exit(EXIT_REFUSED)
    configure_logs(service.distribution, debug=settings.is_debug)
    return create_app(service, settings)


def run[S: ServiceSettings](service: Service[S], command: str, options: Sequence[str]) -> int:
    """Run one of the service's commands.

    :param options: of `migrate`: nothing, --check or --sql.
    :return: the exit code.
    :raises FatalError: it cannot be done; the message says what to do.
    """
    settings = service.settings.load()
    if command == "migrate" and list(options) == ["--sql"]:
        service.migrations(settings).revisions.write_sql(sys.stdout)
        return 0
    configure_logs(service.distribution, debug=settings.is_debug)
    if command == "serve":
        _serve(service, settings)
        return 0
    database = _database(service, settings)
    if command == "migrate":
        return asyncio.run((_check_schema if options else _migrate_schema)(service, settings, database))
    asyncio.run(_run_command(service, command, settings, database))
    return 0


def _serve[S: ServiceSettings](service: Service[S], settings: S) -> None:
    uvicorn.run(
        create_app(service, settings),
        host=settings.host,
        port=settings.port,
        http=PROTOCOL,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN,
        workers=1,  # whatever WEB_CONCURRENCY says: more processes are more containers
    )


async def _run_command[S: ServiceSettings](service: Service[S], name: str, settings: S, database: Database) -> None:
    with _one_line(database):
        await service.commands[name](settings, database)


async def _migrate_schema[S: ServiceSettings](service: Service[S], settings: S, database: Database) -> int:
    migrations = service.migrations(settings)

    async def prepare(connection: AsyncConnection) -> None:
        for part in service.parts(settings):
            await part.prepare(connection)

    with _one_line(database):
        state = await migrate(database, migrations, prepare=prepare)
    sys.stdout.write(f"schema {service.name}: was {state}, is at {migrations.revisions.head}\n")
    return 0


async def _check_schema[S: ServiceSettings](service: Service[S], settings: S, database: Database) -> int:
    migrations = service.migrations(settings)
    with _one_line(database):
        async with database.connect_alone() as connection:
            state = await migrations.state(connection)
    sys.stdout.write(f"schema {service.name}: {state}\n")
    return EXIT_BEHIND if state == "behind" else 0


@contextmanager
def _one_line(database: Database) -> Iterator[None]:
    """Turn what a database refuses into one line."""
    try:
        yield
    except (*CONNECTION_ERRORS, ProblemError) as error:
        cause = error.__cause__ or error if isinstance(error, ProblemError) else error
        message = f"database {database.place}: {describe(cause)}"
        raise FatalError(message) from error


def _database[S: ServiceSettings](service: Service[S], settings: S) -> Database:
    database = make_database(service, settings)
    if database is None:
        message = "DATABASE_URL is not set"
        raise ConfigurationError(message)
    return database
