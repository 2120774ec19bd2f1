"""init-db prepares a database once, changes nothing when run again, and repairs what the guide's script made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_testing import guide
from booksync_testing.postgres import SOCKET_DIRECTORY, Server, start_postgres
from booksync_testing.sandbox import Bind, Result, Sandbox

SCRIPT = "/usr/local/share/booksync/init-db.sh"
SCRIPTS = "/docker-entrypoint-initdb.d"


def init_db(server: Server, *arguments: str, **environment: str) -> list[str]:
    """Run init-db.sh as `docker exec` does; return the lines that it printed."""
    result = run_init_db(server, *arguments, **environment)
    assert result.code == 0, result.output
    return result.output.splitlines()


def run_init_db(server: Server, *arguments: str, **environment: str) -> Result:
    variables = {
        "POSTGRES_USER": server.user,
        "POSTGRES_PASSWORD": server.password,
        "POSTGRES_DB": "booksync",
        "PGPORT": str(server.port),
    }
    return server.sandbox.run(
        *(SCRIPT, *arguments),
        entrypoint=False,
        environment={**variables, **environment},
        binds=[Bind(server.sockets, SOCKET_DIRECTORY)],
        timeout=60,
    )


def dump(server: Server) -> str:
    """Return everything of the cluster as SQL: roles with their verifiers, grants, tables and rows."""
    result = server.sandbox.run(
        *("pg_dumpall", "--username", server.user, "--restrict-key", "same"),
        entrypoint=False,
        environment={"PGPORT": str(server.port)},
        binds=[Bind(server.sockets, SOCKET_DIRECTORY)],
        timeout=60,
    )
    assert result.code == 0, result.output
    return result.output


def can_log_in(server: Server, role: str, password: str) -> bool:
    return server.run_psql("SELECT 1", user=role, password=password).code == 0


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[Server]:
    """Start it as the guide's `docker run` does."""
    with start_postgres(sandbox, user="booksync") as running:
        yield running


@pytest.fixture
def scripts(scratch: Path) -> Path:
    """Return a folder with the guide's own script, for /docker-entrypoint-initdb.d."""
    directory = scratch / "scripts"
    directory.mkdir()
    (directory / "init-db.sql").write_text(guide.ANNEX_B)
    return directory


def test_again_on_a_live_database_it_changes_nothing(server: Server) -> None:
    before = dump(server)
    for arguments in ((), ("--dry-run",)):
        assert init_db(server, *arguments) == ["nothing to change"]
    assert dump(server) == before


def test_a_password_is_set_only_when_it_is_another_one(server: Server) -> None:
    assert can_log_in(server, "booksync_auth", "auth_password")
    password = "né' \\ 漫画 " + "long" * 30
    shown = "ALTER ROLE booksync_auth LOGIN PASSWORD '********';"
    assert init_db(server, "--dry-run", DB_AUTH_PASSWORD=password) == [f"would run: {shown}"]
    assert can_log_in(server, "booksync_auth", "auth_password")
    assert init_db(server, DB_AUTH_PASSWORD=password) == [f"ran: {shown}"]
    assert can_log_in(server, "booksync_auth", password)
    before = dump(server)
    assert init_db(server, DB_AUTH_PASSWORD=password) == ["nothing to change"]
    assert dump(server) == before
    assert password not in server.process.log()


def test_a_trials_superuser_gets_the_password_that_is_given(server: Server) -> None:
    shown = "ALTER ROLE booksync PASSWORD '********';"
    assert init_db(server, "--dry-run", POSTGRES_PASSWORD="a real one") == [f"would run: {shown}"]
    assert can_log_in(server, "booksync", "password")
    assert init_db(server, POSTGRES_PASSWORD="a real one") == [f"ran: {shown}"]
    assert can_log_in(server, "booksync", "a real one")
    assert not can_log_in(server, "booksync", "password")
    # one that is no sample is its owner's to change
    before = dump(server)
    assert init_db(server, POSTGRES_PASSWORD="another") == ["nothing to change"]
    assert dump(server) == before
    assert "a real one" not in server.process.log()


def test_a_superusers_sample_password_is_said_in_production(server: Server) -> None:
    line = "superuser booksync has the guide's sample password, which everybody knows"
    for password in ("", "password"):
        said = init_db(server, ENVIRONMENT="production", POSTGRES_PASSWORD=password)
        assert [each.partition(":")[0] for each in said] == [line, "nothing to change"]
    assert can_log_in(server, "booksync", "password")


def test_names_and_passwords_come_from_the_environment(sandbox: Sandbox, scratch: Path) -> None:
    (scratch / "secret").write_text("from a file\n")
    environment = {
        "DB_AUTH_USER": "Our Auth",
        "DB_AUTH_PASSWORD": "given",
        "DB_DATA_PASSWORD_FILE": "/tmp/secrets/secret",
        "DB_PREDICTION_PASSWORD": "also given",
    }
    binds = [Bind(scratch, "/tmp/secrets")]
    with start_postgres(sandbox, user="booksync", environment=environment, binds=binds) as server:
        assert can_log_in(server, "Our Auth", "given")
        assert can_log_in(server, "booksync_data", "from a file")
        assert can_log_in(server, "booksync_prediction", "also given")
        assert server.query(
            "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'auth'", database="booksync"
        ) == ('"Our Auth"')
        assert server.query("SELECT count(*) FROM pg_roles WHERE rolname = 'booksync_auth'") == "0"


@pytest.mark.parametrize(
    ("password", "environment"),
    [("a real one", {}), ("password", {"ENVIRONMENT": "production"}), ("password", {"APP_ENV": "production"})],
)
def test_without_their_passwords_services_cannot_log_in(
    sandbox: Sandbox, password: str, environment: dict[str, str]
) -> None:
    with start_postgres(sandbox, user="booksync", password=password, environment=environment) as server:
        log = server.process.log()
        for service in guide.SERVICES:
            assert f"DB_{service.upper()}_PASSWORD is not set: booksync_{service} cannot log in" in log
            assert not can_log_in(server, f"booksync_{service}", f"{service}_password")


def test_sample_passwords_are_said_to_be_for_a_trial(server: Server) -> None:
    for service in guide.SERVICES:
        line = f"DB_{service.upper()}_PASSWORD is not set: booksync_{service} has the guide's sample password"
        assert line in server.process.log()


def read_tables(server: Server, schemas: dict[str, str]) -> dict[str, str]:
    """Return a digest of all rows of each table, physical order aside."""
    sums = {
        table: f"SELECT count(*) || ' ' || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {schema}.{table} AS t"
        for table, schema in schemas.items()
    }
    return {table: server.query(sql, database="booksync") for table, sql in sums.items()}


def test_the_guides_script_mounted_is_repaired_in_the_same_start(sandbox: Sandbox, scripts: Path) -> None:
    with start_postgres(sandbox, user="booksync", binds=[Bind(scripts, SCRIPTS)]) as server:
        log = server.process.log()
        assert "ran: ALTER DEFAULT PRIVILEGES FOR ROLE booksync IN SCHEMA public REVOKE ALL ON TABLES" in log
        assert can_log_in(server, "booksync_auth", "auth-secure-password")
        assert init_db(server) == ["nothing to change"]


def test_the_guides_script_for_another_database_is_explained(sandbox: Sandbox, scripts: Path) -> None:
    environment = {"POSTGRES_PASSWORD": "password", "POSTGRES_DB": "booksync_dev"}
    result = sandbox.run("postgres", environment=environment, binds=[Bind(scripts, SCRIPTS)], timeout=60)
    assert result.code not in (0, None)
    assert "names the database booksync, and POSTGRES_DB is booksync_dev: set POSTGRES_DB=booksync" in result.output


def make_guides_database(server: Server) -> None:
    """Make what a family has that followed the guide on another image: no schemas, everything in public."""
    server.query(guide.WITHOUT_OURS + guide.ANNEX_B + guide.TABLES, database="booksync")


def test_a_database_of_the_guide_is_repaired_without_losing_a_row(server: Server) -> None:
    make_guides_database(server)
    in_public = dict.fromkeys([*guide.MOVED, "holiday"], "public")
    rows = read_tables(server, in_public)
    before = dump(server)

    planned = init_db(server, "--dry-run")
    assert dump(server) == before
    done = init_db(server)
    assert [line.replace("would run: ", "ran: ") for line in planned] == done
    assert "ran: ALTER TABLE public.users SET SCHEMA auth_legacy;" in done
    assert "public.holiday stays where it is: it is no table of BookSync" in done

    assert read_tables(server, {**in_public, **guide.MOVED}) == rows
    assert server.query("SELECT count(*) FROM public.names", database="booksync") == "500"
    assert server.query("SELECT nextval('auth_legacy.users_id_seq')", database="booksync") == "501"
    leaks = (
        "SELECT rolname, relname FROM pg_roles, pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE rolname LIKE 'booksync\\_%' AND relkind IN ('r', 'v') AND nspname IN ('public', 'auth_legacy',"
        " 'data_legacy', 'prediction_legacy') AND pg_get_userbyid(relowner) <> rolname"
        " AND has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    assert server.query(leaks, database="booksync") == ""
    later = "CREATE TABLE public.later (n int); SELECT count(*) FROM pg_roles WHERE rolname LIKE 'booksync\\_%' AND"
    assert server.query(f"{later} has_table_privilege(oid, 'public.later', 'SELECT')", database="booksync") == "0"
    again = init_db(server)
    assert [line for line in again if not line.endswith("it is no table of BookSync")] == ["nothing to change"]


def test_a_table_in_use_makes_it_fail_and_change_nothing(server: Server) -> None:
    make_guides_database(server)
    before = dump(server)
    holder = "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; SELECT pg_sleep(60)"
    words = ("psql", "--username", server.user, "--dbname", "booksync", "--command", holder)
    binds = [Bind(server.sockets, SOCKET_DIRECTORY)]
    with server.sandbox.start(
        *words, entrypoint=False, environment={"PGPORT": str(server.port)}, binds=binds
    ) as process:
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND mode = 'AccessShareLock'"
        process.wait_until(
            lambda: server.query(waiting, database="booksync") == "1", what="lock on the table", timeout=30
        )
        result = run_init_db(server)
    assert result.code != 0
    assert "lock timeout" in result.output
    assert dump(server) == before


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DB_AUTH_USER": "same", "DB_DATA_USER": "same"}, "must name three roles"),
        ({"DB_AUTH_USER": "booksync"}, "role booksync is a superuser, whom no schema can keep out"),
        ({"POSTGRES_USER": "booksync_auth"}, "role booksync_auth is not a superuser"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    server: Server, environment: dict[str, str], said: str
) -> None:
    before = dump(server)
    result = run_init_db(server, **environment)
    assert result.code != 0
    assert said in result.output
    assert dump(server) == before


def test_unknown_arguments_are_refused(server: Server) -> None:
    result = run_init_db(server, "--dryrun")
    assert (result.code, "unknown argument --dryrun" in result.output) == (2, True)
