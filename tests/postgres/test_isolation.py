"""No service reaches another's schema: every role, every schema, every kind of statement."""

from collections.abc import Iterable, Iterator

import pytest

from booksync_testing.postgres import Server, start_postgres
from booksync_testing.sandbox import Sandbox

SERVICES = ("auth", "data", "prediction")
SCHEMAS = (*SERVICES, "public")

STATEMENTS = {
    "select": "SELECT * FROM {schema}.t",
    "insert": "INSERT INTO {schema}.t VALUES (2)",
    "update": "UPDATE {schema}.t SET n = 3",
    "delete": "DELETE FROM {schema}.t",
    "truncate": "TRUNCATE {schema}.t",
    "create": "CREATE TABLE {schema}.made (n int)",
    "alter": "ALTER TABLE {schema}.t ADD COLUMN more int",
    "index": "CREATE INDEX ON {schema}.t (n)",
    "sequence": "SELECT nextval('{schema}.t_id_seq')",
    "drop": "DROP TABLE {schema}.t",
    "drop schema": "DROP SCHEMA {schema} CASCADE",
}
OF_OWNERS = ("alter", "index", "drop")


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> Iterator[Server]:
    """Start it with a table in every schema, made by the schema's owner."""
    with start_postgres(sandbox, user="booksync") as running:
        table = "CREATE TABLE {}.t (n int, id serial); INSERT INTO {}.t VALUES (1);"
        made = [f"SET ROLE booksync_{name}; {table.format(name, name)}; RESET ROLE;" for name in SERVICES]
        running.query("".join(made) + table.format("public", "public"), database="booksync")
        yield running


# what is done is taken back, so that one statement does not see another's effect
ATTEMPT = """
SET client_min_messages = 'warning';
SET SESSION AUTHORIZATION {role};
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'DONE0';
EXCEPTION
    WHEN SQLSTATE 'DONE0' THEN RETURN 'done';
    WHEN OTHERS THEN RETURN sqlerrm;
END $$;
"""


def attempt(server: Server, role: str, statements: Iterable[str]) -> list[str]:
    """Try statements in a session of a role; return `done` or the server's refusal for each."""
    tries = " UNION ALL ".join(f"SELECT pg_temp.attempt($_${statement}$_$)" for statement in statements)
    return server.query(ATTEMPT.format(role=role) + tries, database="booksync").splitlines()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_statement_in_every_schema(server: Server, service: str, schema: str) -> None:
    statements = [statement.format(schema=schema) for statement in STATEMENTS.values()]
    answers = dict(zip(STATEMENTS, attempt(server, f"booksync_{service}", statements), strict=True))
    if schema == service:
        assert answers == dict.fromkeys(STATEMENTS, "done")
        return
    if schema == "public":
        # it may look into public for the extension, and do nothing there
        expected = dict.fromkeys(STATEMENTS, "permission denied for table t")
        expected |= dict.fromkeys(OF_OWNERS, "must be owner of table t")
        expected |= {"sequence": "permission denied for sequence t_id_seq"}
    else:
        expected = dict.fromkeys(STATEMENTS, f"permission denied for schema {schema}")
    expected |= {
        "create": f"permission denied for schema {schema}",
        "drop schema": f"must be owner of schema {schema}",
    }
    assert answers == expected


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_gains_more(server: Server, service: str) -> None:
    other = next(f"booksync_{name}" for name in SERVICES if name != service)
    refusals = {
        f"SET LOCAL ROLE {other}": f'permission denied to set role "{other}"',
        "SET LOCAL ROLE booksync": 'permission denied to set role "booksync"',
        "CREATE SCHEMA mine": "permission denied for database booksync",
        "CREATE ROLE mine": "permission denied to create role",
        "COPY (SELECT 1) TO PROGRAM 'true'": "permission denied to COPY to or from an external program",
        "SELECT pg_read_file('/etc/passwd')": "permission denied for function pg_read_file",
        "SELECT rolpassword FROM pg_authid": "permission denied for table pg_authid",
        f"ALTER ROLE {other} PASSWORD 'x'": "permission denied to alter role",
        "CREATE EXTENSION dblink": 'permission denied to create extension "dblink"',
    }
    answers = attempt(server, f"booksync_{service}", refusals)
    assert dict(zip(refusals, answers, strict=True)) == refusals


@pytest.mark.parametrize("service", SERVICES)
def test_names_are_found_in_the_services_own_schema_and_vectors_in_public(server: Server, service: str) -> None:
    result = server.run_psql(
        "SELECT n, current_schema(), '[1,2]'::vector FROM t",
        "SHOW statement_timeout",
        "SHOW idle_in_transaction_session_timeout",
        "SHOW lock_timeout",
        user=f"booksync_{service}",
        password=f"{service}_password",
    )
    assert (result.code, result.output.splitlines()) == (0, [f"1|{service}|[1,2]", "30s", "1min", "10s"])


def test_connections_of_a_service_are_limited(server: Server) -> None:
    limits = "SELECT DISTINCT rolconnlimit FROM pg_roles WHERE rolname LIKE 'booksync\\_%'"
    assert server.query(limits) == "40"


def test_strangers_may_not_connect(server: Server) -> None:
    server.query("CREATE ROLE stranger LOGIN")
    assert server.query("SELECT has_database_privilege('stranger', 'booksync', 'CONNECT')") == "f"
