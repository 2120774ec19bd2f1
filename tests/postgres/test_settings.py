"""The first start makes what POSTGRES_* and their _FILE forms ask for, and refuses what cannot be meant."""

from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, start_postgres
from booksync_testing.sandbox import Bind, Result, Sandbox

SECRET = "/tmp/secret"


def refuse(sandbox: Sandbox, *binds: Bind, **environment: str) -> str:
    """Start with settings that must be refused; return what was said."""
    result: Result = sandbox.run("postgres", environment=environment, binds=binds)
    assert result.code == 1, result.output
    return result.output


def test_names_passwords_and_arguments_are_honoured(sandbox: Sandbox, data: Path, scratch: Path) -> None:
    password = scratch / "password"
    password.write_text("pass word'\"\\$x\n")
    wal = scratch / "wal"
    wal.mkdir(mode=0o700)
    environment = {
        "POSTGRES_PASSWORD": "",
        "POSTGRES_PASSWORD_FILE": SECRET,
        "POSTGRES_DB": 'odd "name',
        "POSTGRES_INITDB_ARGS": "--wal-segsize=4 --set 'log_line_prefix=%m test '",
        "POSTGRES_INITDB_WALDIR": "/tmp/wal",
    }
    binds = [Bind(password, SECRET), Bind(wal, "/tmp/wal", "write")]
    with start_postgres(sandbox, data=data, user="odd-user", environment=environment, binds=binds) as server:
        assert server.query("SELECT current_user, current_setting('wal_segment_size')") == "odd-user|4MB"
        assert server.query("SHOW log_line_prefix") == "%m test"
        assert server.query("SELECT current_database()", database='odd "name') == 'odd "name'
        answer = server.run_psql("SELECT 'in'", user="odd-user", password="pass word'\"\\$x", database="postgres")
        assert (answer.code, answer.output) == (0, "in\n")
    assert (data / "pg_wal").is_symlink()
    assert list(wal.glob("0000*"))


def test_database_is_named_like_its_user_by_default(sandbox: Sandbox) -> None:
    with start_postgres(sandbox, user="family") as server:
        assert server.query("SELECT datdba::regrole FROM pg_database WHERE datname = 'family'") == "family"


def test_everything_can_come_from_a_file(sandbox: Sandbox, data: Path, scratch: Path) -> None:
    scratch = scratch / "secrets"
    scratch.mkdir()
    (scratch / "user").write_text("someone")
    (scratch / "db").write_text("library\n")
    (scratch / "args").write_text("--wal-segsize=2")
    (scratch / "waldir").write_text("/tmp/wal\n")
    (scratch / "method").write_text("md5\n")
    wal = scratch.with_name("wal")
    wal.mkdir(mode=0o700)
    environment = {
        "POSTGRES_USER": "",
        "POSTGRES_USER_FILE": "/tmp/secrets/user",
        "POSTGRES_DB_FILE": "/tmp/secrets/db",
        "POSTGRES_INITDB_ARGS_FILE": "/tmp/secrets/args",
        "POSTGRES_INITDB_WALDIR_FILE": "/tmp/secrets/waldir",
        "POSTGRES_HOST_AUTH_METHOD_FILE": "/tmp/secrets/method",
    }
    binds = [Bind(scratch, "/tmp/secrets"), Bind(wal, "/tmp/wal", "write")]
    with start_postgres(sandbox, data=data, user="someone", environment=environment, binds=binds) as server:
        assert server.query("SELECT current_user, current_database()", database="library") == "someone|library"
        assert server.query("SHOW wal_segment_size") == "2MB"
    assert (data / "pg_wal").readlink() == Path("/tmp/wal")
    assert list(wal.glob("0000*"))
    assert (data / "pg_hba.conf").read_text().splitlines()[-1] == "host all all all md5"


@pytest.mark.parametrize("method", ["trust", "md5"])
def test_host_authentication_method_is_the_last_line(sandbox: Sandbox, data: Path, method: str) -> None:
    password = "" if method == "trust" else "password"
    environment = {"POSTGRES_HOST_AUTH_METHOD": method}
    with start_postgres(sandbox, data=data, password=password, environment=environment) as server:
        assert ("anybody who reaches this server" in server.process.log()) == (method == "trust")
    lines = (data / "pg_hba.conf").read_text().splitlines()
    assert lines[-1] == f"host all all all {method}"
    assert next(line.split() for line in lines if line.startswith("local")) == ["local", "all", "all", "trust"]


def test_no_password_is_refused_before_anything_is_made(sandbox: Sandbox, data: Path) -> None:
    said = refuse(sandbox, Bind(data, DATA_DIRECTORY, "write"))
    assert "POSTGRES_PASSWORD is not set" in said
    assert "-e POSTGRES_PASSWORD=" in said
    assert not list(data.iterdir())


def test_a_setting_given_twice_is_refused(sandbox: Sandbox) -> None:
    said = refuse(sandbox, POSTGRES_PASSWORD="a", POSTGRES_PASSWORD_FILE="/etc/hostname")
    assert "POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set" in said


def test_a_secret_that_cannot_be_read_is_named(sandbox: Sandbox) -> None:
    said = refuse(sandbox, POSTGRES_PASSWORD_FILE="/run/secrets/absent")
    assert "POSTGRES_PASSWORD_FILE names /run/secrets/absent, which cannot be read by uid 999" in said


def test_an_empty_pgdata_is_the_default_one(sandbox: Sandbox, data: Path) -> None:
    with start_postgres(sandbox, data=data, environment={"PGDATA": ""}) as server:
        assert server.query("SHOW data_directory") == DATA_DIRECTORY


def test_pgdata_below_the_volume(sandbox: Sandbox, data: Path) -> None:
    place = f"{DATA_DIRECTORY}/deep/pgdata"
    with start_postgres(sandbox, data=data, environment={"PGDATA": place}) as server:
        assert server.query("SHOW data_directory") == place
    assert (data / "deep/pgdata/PG_VERSION").read_text() == "17\n"


def test_secrets_do_not_stay_in_the_servers_environment(sandbox: Sandbox) -> None:
    secrets = {f"DB_{name}_PASSWORD": f"secret of {name}" for name in ("AUTH", "DATA", "PREDICTION")}
    with start_postgres(sandbox, user="booksync", environment=secrets, password="the secret") as server:
        shown = server.query(
            "CREATE TEMP TABLE shown (line text); COPY shown FROM PROGRAM 'env'; SELECT line FROM shown"
        )
    assert "PGDATA=" in shown
    assert "secret" not in shown
