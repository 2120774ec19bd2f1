"""The database image initialises, starts, computes with pgvector, stops cleanly, and starts again on the same data."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_testing.postgres import Server, start_postgres
from booksync_testing.sandbox import Sandbox

STOP_SECONDS = 5

#: The guide's, beside the user and the password.
ENVIRONMENT = {"POSTGRES_DB": "booksync"}


@pytest.fixture
def data() -> Iterator[Path]:
    """Return an empty data directory."""
    with tempfile.TemporaryDirectory(prefix="data-") as directory:
        path = Path(directory) / "data"
        path.mkdir(mode=0o700)
        yield path


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> Iterator[Server]:
    """Start it as the guide's `docker run` does, with PostgreSQL's own settings."""
    with start_postgres(sandbox, user="booksync", environment=ENVIRONMENT, arguments=()) as running:
        yield running


def test_it_is_postgresql_17(server: Server) -> None:
    assert server.query("SHOW server_version").startswith("17.")


def test_pgvector_computes_distances(server: Server) -> None:
    assert server.query("SELECT '[1,2,3]'::vector <-> '[1,2,5]'::vector", database="booksync") == "2"
    assert server.query("SELECT round(('[1,0]'::vector <=> '[0,1]')::numeric, 6)", database="booksync") == "1.000000"


def test_pgvector_is_not_the_vulnerable_version(server: Server) -> None:
    # CVE-2026-3172 is fixed in 0.8.2, index corruption after vacuum in 0.8.3
    version = server.query("SELECT extversion FROM pg_extension WHERE extname = 'vector'", database="booksync")
    assert tuple(map(int, version.split("."))) >= (0, 8, 3)


def test_the_extension_is_in_public_and_can_be_created_anew(server: Server) -> None:
    schema = "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'"
    assert server.query(schema, database="booksync") == "public"
    server.query("CREATE DATABASE another")
    server.query("CREATE EXTENSION vector", database="another")
    assert server.query("SELECT vector_dims('[1,2,3]'::vector)", database="another") == "3"


def test_hnsw_index_finds_the_nearest(server: Server) -> None:
    server.query(
        "CREATE TABLE points (id int PRIMARY KEY, place vector(3));"
        "INSERT INTO points SELECT i, format('[%s,%s,%s]', i, i * i % 97, i % 13)::vector"
        " FROM generate_series(1, 500) i;"
        "CREATE INDEX ON points USING hnsw (place vector_l2_ops)",
        database="booksync",
    )
    nearest = "SELECT id FROM points ORDER BY place <-> (SELECT place FROM points WHERE id = 250) LIMIT 1"
    assert server.query(f"SET enable_seqscan = off; {nearest}", database="booksync") == "250"


def test_jit_is_off(server: Server) -> None:
    assert server.query("SHOW jit") == "off"


def test_clusters_are_utf_8_with_the_builtin_locale_and_checksums(server: Server) -> None:
    locale = (
        "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'booksync'"
    )
    assert server.query(locale) == "b|C.UTF-8|UTF8"
    assert server.query("SHOW data_checksums") == "on"


def test_time_zones_are_there(server: Server) -> None:
    assert server.query("SELECT timestamptz '2026-07-01 00:00Z' AT TIME ZONE 'Europe/Paris'") == "2026-07-01 02:00:00"


def test_each_service_has_a_role_and_a_schema_of_its_own(server: Server) -> None:
    owners = (
        "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace"
        " WHERE nspname IN ('auth', 'data', 'prediction') ORDER BY 1"
    )
    assert server.query(owners, database="booksync").splitlines() == [
        "auth|booksync_auth",
        "data|booksync_data",
        "prediction|booksync_prediction",
    ]
    assert server.query("SELECT has_schema_privilege('booksync_data', 'auth', 'USAGE')", database="booksync") == "f"


def test_passwords_are_asked_for_over_tcp(server: Server) -> None:
    none, wrong, right = (
        server.run_psql("SELECT 1", user="booksync", password=password) for password in (None, "wrong", server.password)
    )
    assert "no password supplied" in none.output
    assert "password authentication failed" in wrong.output
    assert (right.code, right.output) == (0, "1\n")


def test_healthcheck_succeeds(server: Server, sandbox: Sandbox) -> None:
    result = sandbox.run(*sandbox.healthcheck, entrypoint=False, environment={"PGPORT": str(server.port)})
    assert result.code == 0, result.output


def test_sigint_stops_it_cleanly_and_the_data_stays(sandbox: Sandbox, data: Path) -> None:
    assert sandbox.image.runtime["StopSignal"] == "SIGINT"
    with start_postgres(sandbox, data=data, user="booksync", environment=ENVIRONMENT, arguments=()) as server:
        server.query("CREATE TABLE kept AS SELECT 'still here' AS value", database="booksync")
        server.process.signal(signal.SIGINT)
        assert server.process.wait(STOP_SECONDS) == 0
        assert "database system is shut down" in server.process.log()
    with start_postgres(sandbox, data=data, user="booksync", arguments=()) as again:
        assert again.query("SELECT value FROM kept", database="booksync") == "still here"
        log = again.process.log()
        assert again.stop(timeout=STOP_SECONDS) == 0
    assert "was not properly shut down" not in log
    assert "was shut down at" in log


def test_without_a_password_it_says_what_to_set(sandbox: Sandbox) -> None:
    result = sandbox.run("postgres")
    assert result.code not in (0, None)
    assert "POSTGRES_PASSWORD" in result.output
