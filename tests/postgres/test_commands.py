"""Arguments of the container are postgres's; other commands run as they are; the client programs work beside it."""

import gzip
from pathlib import Path

import pytest

from booksync_testing.postgres import SOCKET_DIRECTORY, Server, start_postgres
from booksync_testing.sandbox import Bind, Sandbox


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (("postgres", "--version"), "postgres (PostgreSQL) 17."),
        (("--version",), "postgres (PostgreSQL) 17."),
        (("postgres", "-C", "port", "-D", "/nowhere"), "postgres: could not access directory"),
        (("pg_dump", "--version"), "pg_dump (PostgreSQL) 17."),
        (("psql", "--version"), "psql (PostgreSQL) 17."),
        (("bash", "-c", "echo $PGDATA"), "/var/lib/postgresql/data"),
    ],
)
def test_these_initialise_nothing(sandbox: Sandbox, words: tuple[str, ...], start: str) -> None:
    # no password is set: an initialisation would be refused
    assert sandbox.run(*words).output.startswith(start)


def test_arguments_alone_are_of_postgres_and_win(sandbox: Sandbox, data: Path) -> None:
    arguments = ("-c", "max_connections=33", "-c", "shared_buffers=17MB", "-c", "work_mem=5MB")
    with start_postgres(sandbox, data=data, arguments=arguments) as server:
        settings = "SELECT string_agg(current_setting(name), ',' ORDER BY name) FROM unnest(ARRAY['max_connections',"
        settings += "'shared_buffers','work_mem']) AS name"
        assert server.query(settings) == "33,17MB,5MB"


def run_client(server: Server, scratch: Path, script: str) -> str:
    """Run a line of the guide as `docker exec` does."""
    result = server.sandbox.run(
        *("bash", "-ec", script),
        entrypoint=False,
        environment={"PGPORT": str(server.port)},
        binds=[Bind(server.sockets, SOCKET_DIRECTORY), Bind(scratch, "/tmp/host", "write")],
        timeout=60,
    )
    assert result.code == 0, result.output
    return result.output


def test_dumps_restore_into_an_empty_database(sandbox: Sandbox, scratch: Path) -> None:
    with start_postgres(sandbox, user="booksync") as server:
        assert "accepting connections" in run_client(server, scratch, "pg_isready -U booksync")
        server.query(
            "CREATE EXTENSION IF NOT EXISTS vector; CREATE TABLE auth.t AS SELECT '[1,2]'::vector AS v",
            database="booksync",
        )
        run_client(server, scratch, "pg_dump -U booksync booksync > /tmp/host/plain.sql")
        run_client(server, scratch, "pg_dump -U booksync -Fc booksync > /tmp/host/custom.dump")
        for name in ("plain", "custom"):
            server.query(f"CREATE DATABASE {name}")
        run_client(server, scratch, "cat /tmp/host/plain.sql | psql -v ON_ERROR_STOP=1 -U booksync plain")
        run_client(server, scratch, "pg_restore -U booksync --exit-on-error -d custom /tmp/host/custom.dump")
        for name in ("plain", "custom"):
            assert server.query("SELECT v FROM auth.t", database=name) == "[1,2]"


def test_a_dump_is_an_initialisation_script(sandbox: Sandbox, scratch: Path) -> None:
    scripts = scratch / "scripts"
    scripts.mkdir()
    with start_postgres(sandbox, user="booksync") as server:
        server.query("CREATE TABLE data.kept AS SELECT 7 AS n", database="booksync")
        run_client(
            server,
            scratch,
            "pg_dumpall -U booksync --roles-only > /tmp/host/a.sql; sed -i '/ROLE booksync[; ]/d'"
            " /tmp/host/a.sql; pg_dump -U booksync booksync > /tmp/host/b.sql",
        )
    for name in ("a", "b"):
        (scripts / f"{name}.sql.gz").write_bytes(gzip.compress((scratch / f"{name}.sql").read_bytes()))
    binds = [Bind(scripts, "/docker-entrypoint-initdb.d")]
    with start_postgres(sandbox, user="booksync", binds=binds) as server:
        assert server.query("SELECT n FROM data.kept", database="booksync") == "7"
