"""The services' own migrations run as their own roles, all at once, on a new database and on one that was repaired."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_auth.service import SERVICE as AUTH
from booksync_api_data.service import SERVICE as DATA
from booksync_api_prediction.service import SERVICE as PREDICTION
from booksync_common.app import make_database
from booksync_common.migrations import migrate
from booksync_common.service import Service
from booksync_testing import guide
from booksync_testing.postgres import SOCKET_DIRECTORY, Server, start_postgres
from booksync_testing.sandbox import Bind, Sandbox
from booksync_testing.web import LOOPBACK

SERVICES: dict[str, Service[Any]] = {service.name: service for service in (AUTH, DATA, PREDICTION)}
REPLICAS = 3


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[Server]:
    """Start it as the guide's `docker run` does."""
    with start_postgres(sandbox, user="booksync") as running:
        yield running


async def migrate_as_itself(service: Service[Any], port: int) -> str:
    """Migrate as a replica of a service does at its start; return what its schema was."""
    role = f"booksync_{service.name}:{service.name}_password"
    settings = service.settings.load(database_url=f"postgresql+asyncpg://{role}@{LOOPBACK}:{port}/booksync")
    database = make_database(service, settings)
    assert database is not None

    async def prepare(connection: AsyncConnection) -> None:
        for part in service.parts(settings):
            await part.prepare(connection)

    return await migrate(database, service.migrations(settings), prepare=prepare)


def run_replica(name: str, port: int) -> str:
    """Be one replica, which is a process of its own."""
    return asyncio.run(migrate_as_itself(SERVICES[name], port))


def migrate_all(port: int) -> dict[str, list[str]]:
    """Start every replica of every service at once; return the states by service."""
    replicas = [name for name in SERVICES for _ in range(REPLICAS)]
    with ProcessPoolExecutor(len(replicas), mp_context=get_context("fork")) as pool:
        states = list(pool.map(run_replica, replicas, [port] * len(replicas)))
    found: dict[str, list[str]] = {name: [] for name in SERVICES}
    for name, state in zip(replicas, states, strict=True):
        found[name].append(state)
    return {name: sorted(values) for name, values in found.items()}


ONCE = ["behind", *["head"] * (REPLICAS - 1)]


def test_three_replicas_of_three_services_migrate_each_schema_once(server: Server) -> None:
    assert migrate_all(server.port) == dict.fromkeys(SERVICES, ONCE)
    owners = "SELECT DISTINCT nspname, relowner::regrole FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
    found = server.query(
        f"{owners} WHERE relkind = 'r' AND nspname = ANY ('{{{','.join(guide.SERVICES)},public}}') ORDER BY 1",
        database="booksync",
    )
    assert found.splitlines() == [f"{name}|booksync_{name}" for name in guide.SERVICES]


def test_a_repaired_database_of_the_guide_is_migrated(server: Server) -> None:
    server.query(guide.WITHOUT_OURS + guide.ANNEX_B + guide.TABLES, database="booksync")
    passwords = {f"DB_{name.upper()}_PASSWORD": f"{name}_password" for name in guide.SERVICES}
    repair = server.sandbox.run(
        "/usr/local/share/booksync/init-db.sh",
        entrypoint=False,
        environment={"POSTGRES_USER": "booksync", "PGPORT": str(server.port), **passwords},
        binds=[Bind(server.sockets, SOCKET_DIRECTORY)],
        timeout=60,
    )
    assert repair.code == 0, repair.output
    assert migrate_all(server.port) == dict.fromkeys(SERVICES, ONCE)
    assert server.query("SELECT count(*) FROM auth_legacy.users", database="booksync") == "500"
    assert server.query("SELECT count(*) FROM auth.users", database="booksync") == "0"
