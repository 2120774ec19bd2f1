"""The command line of a service, which is its image's entry point."""

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
from booksync_common.heads import HeadLimitProtocol
from booksync_common.logs import configure_logs
from booksync_common.migrations import migrate
from booksync_common.problems import ProblemError
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings
from booksync_common.startup import describe

#: Seconds that requests in flight are given at SIGTERM; Docker kills after 10.
DRAIN = 8

EXIT_REFUSED = 1
EXIT_BEHIND = 1
EXIT_USAGE = 2
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


def build_usage[S: ServiceSettings](service: Service[S]) -> str:
    """Write the help."""
    name = service.distribution
    rows = [
        ("[serve]", "serve on HOST:PORT"),
        (
            "migrate [--check|--sql]",
            "bring the schema to its newest version; --check only says whether it is, --sql only prints the SQL",
        ),
        *((command, value.summary) for command, value in service.commands.items()),
        ("--help", "this text"),
        ("COMMAND [ARGUMENT...]", f"run another command, as in `{name} uvicorn {service.package}.main:app`"),
    ]
    width = max(len(left) for left, _ in rows)
    lines = [f"usage: {name} ...", "", service.description, ""]
    return "\n".join([*lines, *(f"  {left:{width}}  {right}" for left, right in rows)])


def load_app[S: ServiceSettings](service: Service[S]) -> FastAPI:
    """Make the application from the environment, for Uvicorn's command line.

    :raises SystemExit: the environment will not do; the one line is on standard error.
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


def run[S: ServiceSettings](service: Service[S], arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    :param arguments: without the program's name; those of the process by default.
    :return: the exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, *rest = words or ["serve"]
    if command in {"--help", "-h", "help"}:
        sys.stdout.write(build_usage(service) + "\n")
        return 0
    try:
        if command == "serve":
            return _usage(service, rest) if rest else _serve(service)
        if command == "migrate":
            return _migrate(service, rest)
        if command in service.commands:
            return _usage(service, rest) if rest else _run_command(service, command)
        if command.startswith("-"):
            return _usage(service, words)
        return _execute(service, words)
    except FatalError as error:
        sys.stderr.write(f"{service.distribution}: {error}\n")
        return EXIT_REFUSED


def _usage[S: ServiceSettings](service: Service[S], words: Sequence[str]) -> int:
    sys.stderr.write(f"{service.distribution}: unknown arguments: {' '.join(words)}\n\n{build_usage(service)}\n")
    return EXIT_USAGE


def _serve[S: ServiceSettings](service: Service[S]) -> int:
    settings = service.settings.load()
    configure_logs(service.distribution, debug=settings.is_debug)
    uvicorn.run(
        create_app(service, settings),
        host=settings.host,
        port=settings.port,
        http=HeadLimitProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN,
        workers=1,  # whatever WEB_CONCURRENCY says: more processes are more containers
    )
    return 0


def _migrate[S: ServiceSettings](service: Service[S], options: Sequence[str]) -> int:
    if options not in ([], ["--check"], ["--sql"]):
        return _usage(service, options)
    settings = service.settings.load()
    if options == ["--sql"]:
        service.migrations(settings).revisions.write_sql(sys.stdout)
        return 0
    configure_logs(service.distribution, debug=settings.is_debug)
    work = _check_schema if options else _migrate_schema
    return asyncio.run(work(service, settings, _database(service, settings)))


def _run_command[S: ServiceSettings](service: Service[S], name: str) -> int:
    settings = service.settings.load()
    configure_logs(service.distribution, debug=settings.is_debug)
    database = _database(service, settings)

    async def work() -> None:
        with _one_line(database):
            await service.commands[name].run(settings, database)

    asyncio.run(work())
    return 0


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


def _execute[S: ServiceSettings](service: Service[S], words: Sequence[str]) -> int:
    """Become another program, which gets HOST and PORT under the names that Uvicorn reads."""
    default = service.settings.model_fields["port"].default
    environment = {
        "UVICORN_HOST": os.environ.get("HOST") or service.settings.model_fields["host"].default,
        "UVICORN_PORT": os.environ.get("PORT") or str(default),
        "UVICORN_HTTP": f"{HeadLimitProtocol.__module__}:{HeadLimitProtocol.__name__}",
        "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": str(DRAIN),
        "UVICORN_SERVER_HEADER": "false",
        **os.environ,
    }
    try:
        os.execvpe(words[0], list(words), environment)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        sys.stderr.write(f"{service.distribution}: {words[0]}: no such command\n\n{build_usage(service)}\n")
        return EXIT_NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"{service.distribution}: {words[0]}: {error.strerror}\n")
        return EXIT_NOT_EXECUTABLE
