"""A backup is whole, verified and kept with its keys, or there is none; a restore swaps all of it, or changes nothing.

The scripts run as on a host whose container engine is engine.sh: the "containers" are the image's own programs, with
the environment that they would have. BOOKSYNC_FLOCK is what the host has and the image does not.
"""

import fcntl
import gzip
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, SOCKET_DIRECTORY, Server, start_postgres
from booksync_testing.sandbox import Bind, Mount, Result, Sandbox, Tmpfs

DEPLOY = Path(__file__).parents[2] / "deploy"
ENGINE = Path(__file__).parent / "engine.sh"
ENDS = (".dump", ".dump.sha256", ".keys")
SECRET = "the key of all tokens = with + signs"


@dataclass(frozen=True)
class Host:
    """A machine with a database's container and the scripts."""

    server: Server
    folder: Path  # its /tmp/host
    containers: Path  # name -> environment
    mounts: Sequence[Mount] = ()  # more that scripts and containers see

    def run(self, script: str, *arguments: str, **environment: str) -> Result:
        return self.server.sandbox.run(
            *("bash", "-c", 'cd /tmp/host && PATH+=:/tmp/tools "$0" "$@"', f"/tmp/deploy/scripts/{script}", *arguments),
            entrypoint=False,
            environment={"CONTAINER_ENGINE": "/tmp/engine", **environment},
            binds=[
                Bind(self.server.sockets, SOCKET_DIRECTORY),
                Bind(self.folder, "/tmp/host", "write"),
                Bind(self.containers, "/tmp/containers"),
                # in a check they are links
                *(Bind((DEPLOY / name).resolve(), f"/tmp/deploy/{name}") for name in ("scripts", "init-db.sql")),
                Bind(ENGINE.resolve(), "/tmp/engine"),
                Bind(Path(os.environ["BOOKSYNC_FLOCK"]), "/tmp/tools/flock"),
                *self.mounts,
                *([Bind(self.secrets, "/tmp/deploy/secrets")] if self.secrets.exists() else []),
            ],
            timeout=120,
        )

    @property
    def secrets(self) -> Path:
        """What secrets.sh would have made."""
        return self.folder.with_name("secrets")

    def back_up(self, **environment: str) -> Path:
        """Make a backup; return its file."""
        result = self.run("backup.sh", **environment)
        assert result.code == 0, result.output
        return max((self.folder / "backups").glob("*.dump"))

    def list_backups(self) -> list[str]:
        """Return all files but the lock."""
        return sorted(path.name for path in (self.folder / "backups").glob("*") if path.name != ".lock")

    def databases(self) -> list[str]:
        names = "SELECT datname FROM pg_database WHERE datname LIKE 'booksync%' ORDER BY 1"
        return self.server.query(names).splitlines()


@pytest.fixture
def host(sandbox: Sandbox, scratch: Path) -> Iterator[Host]:
    """Start a database with some rows, under a superuser whose name is not the guide's."""
    folder = scratch / "host"
    containers = scratch / "containers"
    for directory in (folder, containers):
        directory.mkdir()
    with start_postgres(sandbox, user="family", environment={"POSTGRES_DB": "booksync"}) as server:
        (containers / "booksync-postgres").write_text(
            f"POSTGRES_USER=family\nPOSTGRES_PASSWORD=password\nPOSTGRES_DB=booksync\nPGPORT={server.port}\n"
        )
        (containers / "booksync_auth_api").write_text(f"HOST=0.0.0.0\nJWT_SECRET_KEY={SECRET}\n")
        server.query(
            "SET ROLE booksync_auth; CREATE TABLE auth.users (id int PRIMARY KEY, name text);"
            "INSERT INTO auth.users SELECT i, 'Élève ' || i FROM generate_series(1, 1000) AS i; RESET ROLE;"
            "SET ROLE booksync_prediction; CREATE TABLE prediction.embeddings (id int, embedding public.vector(3));"
            "INSERT INTO prediction.embeddings SELECT i, format('[%s,1,2]', i)::vector FROM generate_series(1, 50) i;"
            "CREATE INDEX ON prediction.embeddings USING hnsw (embedding public.vector_l2_ops)",
            database="booksync",
        )
        yield Host(server, folder, containers)


def digest(server: Server, database: str = "booksync") -> str:
    """Return a checksum over all rows."""
    return server.query(
        "SELECT (SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM auth.users AS t)"
        " || (SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM prediction.embeddings AS t)",
        database=database,
    )


def test_a_backup_is_dated_private_and_lies_beside_its_keys(host: Host) -> None:
    result = host.run("backup.sh")
    assert result.code == 0, result.output
    dump, digest, keys = host.list_backups()
    assert re.fullmatch(r"booksync-\d{8}T\d{6}Z\.dump", dump)
    assert [digest, keys] == [f"{dump}.sha256", dump.replace(".dump", ".keys")]
    for name in (dump, digest, keys):
        assert (host.folder / "backups" / name).stat().st_mode & 0o777 == 0o600
    assert (host.folder / "backups" / keys).read_text() == f"JWT_SECRET_KEY={SECRET}\n"
    assert f"{keys} has the keys of the Auth API" in result.output
    assert result.output.splitlines()[-1] == f"backups/{dump}"
    assert SECRET not in result.output
    assert host.databases() == ["booksync"]


def test_it_restores_into_the_database_that_lost_everything(host: Host) -> None:
    before = digest(host.server)
    dump = host.back_up()
    host.server.query("TRUNCATE auth.users; DROP TABLE prediction.embeddings", database="booksync")
    result = host.run("restore.sh", "--yes", f"backups/{dump.name}")
    assert result.code == 0, result.output
    assert digest(host.server) == before
    old = next(name for name in host.databases() if "_before_" in name)
    assert f"dropdb -U family {old}" in result.output
    assert host.server.query("SELECT count(*) FROM auth.users", database=old) == "0"
    # what no dump holds: who may connect, where names are found
    answer = host.server.run_psql("SELECT count(*) FROM users", user="booksync_auth", password="auth_password")
    assert answer.output == "1000\n"
    assert host.server.query("SELECT has_database_privilege('public', 'booksync', 'CONNECT')") == "f"


OWNERS = """
CREATE ROLE grafana;
CREATE ROLE "O'Brien";
GRANT CONNECT ON DATABASE booksync TO grafana;
GRANT TEMPORARY ON DATABASE booksync TO "O'Brien" WITH GRANT OPTION;
ALTER DATABASE booksync SET work_mem = '7MB';
ALTER DATABASE booksync SET "booksync.motto" = 'l''été = "a, b"';
ALTER ROLE grafana IN DATABASE booksync SET search_path = data, "Odd, one", '';
ALTER DATABASE booksync SET default_transaction_read_only = on;
"""
PRIVILEGES = "SELECT acl FROM pg_database, unnest(datacl) AS acl WHERE datname = 'booksync' ORDER BY acl::text"
SETTINGS = (
    "SELECT setrole::regrole, setconfig FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase"
    " WHERE datname = 'booksync' ORDER BY 1"
)


def test_what_an_owner_has_set_for_the_database_stays(host: Host) -> None:
    """No dump holds it."""
    host.server.query(OWNERS, database="booksync")
    before = [host.server.query(sql) for sql in (PRIVILEGES, SETTINGS)]
    assert "grafana=c/family" in before[0]
    dump = host.back_up()
    result = host.run("restore.sh", "--yes", f"backups/{dump.name}")
    assert result.code == 0, result.output
    assert [host.server.query(sql) for sql in (PRIVILEGES, SETTINGS)] == before


def dump_plainly(host: Host) -> bytes:
    """Return what the guide's own line writes."""
    words = ("pg_dump", "-U", "family", "booksync")
    done = host.server.sandbox.run(
        *words,
        entrypoint=False,
        environment={"PGPORT": str(host.server.port)},
        binds=[Bind(host.server.sockets, SOCKET_DIRECTORY)],
    )
    assert done.code == 0, done.output
    return done.output.encode()


def test_roles_of_ones_own_are_made_before_a_restore_on_a_new_machine(host: Host) -> None:
    rights = "SELECT has_table_privilege('grafana', 'auth.users', 'SELECT')"
    host.server.query("CREATE ROLE grafana; GRANT SELECT ON auth.users TO grafana", database="booksync")
    file = f"/tmp/host/backups/{host.back_up().name}"
    host.server.query("DROP OWNED BY grafana; DROP ROLE grafana", database="booksync")
    result = host.run("restore.sh", "--yes", file)
    assert result.code != 0
    assert 'role "grafana" does not exist' in result.output
    assert 'nothing was changed. Make the role first (psql: CREATE ROLE "grafana"), ' in result.output
    assert host.databases() == ["booksync"]
    host.server.query("CREATE ROLE grafana")
    assert host.server.query(rights, database="booksync") == "f"
    result = host.run("restore.sh", "--yes", file)
    assert result.code == 0, result.output
    assert host.server.query(rights, database="booksync") == "t"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_plain_dump_of_the_guide_restores_without_merging(host: Host, suffix: str) -> None:
    before = digest(host.server)
    plain = dump_plainly(host)
    (host.folder / f"backup.sql{suffix}").write_bytes(gzip.compress(plain) if suffix else plain)
    host.server.query("INSERT INTO auth.users VALUES (-1, 'later')", database="booksync")
    result = host.run("restore.sh", "--yes", f"backup.sql{suffix}")
    assert result.code == 0, result.output
    assert digest(host.server) == before


def cut(content: bytes) -> bytes:
    # pg_restore itself finds nothing wrong with it
    return content[:-1000]


def spoil(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(64) + content[middle + 64 :]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "its SHA-256 differs"),
        (spoil, "its SHA-256 differs"),
        (lambda _: b"SELECT 1;", "its SHA-256 differs"),
        (lambda _: b"", "cannot be read, or is empty"),
    ],
)
def test_a_damaged_file_changes_nothing(host: Host, damage: Callable[[bytes], bytes], words: str) -> None:
    dump = host.back_up()
    dump.write_bytes(damage(dump.read_bytes()))
    expect_no_change(host, f"backups/{dump.name}", words)


COMPLETE = b"\n-- PostgreSQL database dump complete"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda plain: plain.replace(COMPLETE, b"\nSELECT broken;" + COMPLETE), 'column "broken" does not exist'),
        (lambda plain: plain[: plain.index(COMPLETE)], "is no whole dump of pg_dump"),
    ],
    ids=["a statement that fails at the end", "cut between two statements"],
)
def test_a_plain_dump_that_fails_in_the_middle_changes_nothing(
    host: Host, damage: Callable[[bytes], bytes], words: str
) -> None:
    (host.folder / "backup.sql").write_bytes(damage(dump_plainly(host)))
    expect_no_change(host, "backup.sql", words)


def test_a_dump_whose_middle_is_spoilt_changes_nothing(host: Host) -> None:
    """Without its digest, what restores it has to notice."""
    dump = host.back_up()
    dump.write_bytes(spoil(dump.read_bytes()))
    Path(f"{dump}.sha256").unlink()
    expect_no_change(host, f"backups/{dump.name}", "pg_restore: error")


def expect_no_change(host: Host, file: str, words: str) -> None:
    """Restore a file in vain."""
    before = digest(host.server)
    result = host.run("restore.sh", "--yes", file)
    assert result.code != 0
    assert words in result.output
    assert host.databases() == ["booksync"]
    assert digest(host.server) == before


def test_it_asks_before_it_replaces_anything(host: Host) -> None:
    dump = host.back_up()
    # stdin is empty: nobody said yes
    result = host.run("restore.sh", f"backups/{dump.name}")
    assert result.code == 1
    assert "Type the name of the database to go on" in result.output
    assert "nothing was changed" in result.output
    assert host.databases() == ["booksync"]


def test_services_must_be_stopped(host: Host) -> None:
    dump = host.back_up()
    with host.server.start_psql(
        "SELECT pg_sleep(60)", user="booksync_data", password="data_password", name="Data API"
    ) as client:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'booksync_data'"
        client.wait_until(lambda: host.server.query(busy) == "1", what="a client", timeout=30)
        result = host.run("restore.sh", "--yes", f"backups/{dump.name}")
    assert result.code == 1
    assert "in use by booksync_data (Data API): stop the services first" in result.output
    assert host.databases() == ["booksync"]


def test_without_the_keys_there_is_no_backup_unless_it_is_meant(host: Host) -> None:
    (host.containers / "booksync_auth_api").unlink()
    result = host.run("backup.sh")
    assert result.code == 1
    assert "JWT_SECRET_KEY is neither in booksync_auth_api" in result.output
    assert not (host.folder / "backups").exists()
    assert host.run("backup.sh", JWT_SECRET_KEY=SECRET).code == 0
    result = host.run("backup.sh", "--no-keys", "elsewhere")
    assert result.code == 0, result.output
    assert "the keys of the Auth API are not saved" in result.output
    assert {path.suffix for path in (host.folder / "elsewhere").glob("booksync*")} == {".dump", ".sha256"}


def test_keys_may_stand_in_files(host: Host) -> None:
    (host.folder / "jwt").write_text(SECRET)
    (host.folder / "credentials").write_text("the key of all links")
    (host.containers / "booksync_auth_api").write_text(
        "JWT_SECRET_KEY_FILE=/tmp/host/jwt\nCREDENTIALS_KEY_FILE=/tmp/host/credentials\n"
    )
    expected = f"JWT_SECRET_KEY={SECRET}\nCREDENTIALS_KEY=the key of all links\n"
    assert host.back_up().with_suffix(".keys").read_text() == expected
    # the container is gone, and this host knows the files
    (host.containers / "booksync_auth_api").unlink()
    kept = host.back_up(JWT_SECRET_KEY_FILE="/tmp/host/jwt", CREDENTIALS_KEY_FILE="/tmp/host/credentials")
    assert kept.with_suffix(".keys").read_text() == expected


def test_keys_of_an_api_that_does_not_run_are_those_that_its_stack_has(host: Host) -> None:
    (host.containers / "booksync_auth_api").unlink()
    host.secrets.mkdir()
    (host.secrets / "jwt_secret_key").write_text(SECRET)
    (host.secrets / "credentials_key").write_text("of-credentials")
    result = host.run("backup.sh")
    assert result.code == 0, result.output
    assert "has the keys of the Auth API, JWT_SECRET_KEY and CREDENTIALS_KEY: keep" in result.output
    (kept,) = (host.folder / "backups").glob("*.keys")
    assert kept.read_text() == f"JWT_SECRET_KEY={SECRET}\nCREDENTIALS_KEY=of-credentials\n"


def test_a_key_that_the_container_cannot_read_is_the_one_that_its_stack_has(host: Host) -> None:
    with (host.containers / "booksync_auth_api").open("a") as stream:
        stream.write("CREDENTIALS_KEY_FILE=/tmp/host/absent\n")
    host.secrets.mkdir()
    (host.secrets / "credentials_key").write_text("of-credentials")
    kept = host.back_up().with_suffix(".keys")
    assert kept.read_text() == f"JWT_SECRET_KEY={SECRET}\nCREDENTIALS_KEY=of-credentials\n"


UNRESTORABLE = """
CREATE FUNCTION data.is_fine(n int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE data.odd (n int CHECK (data.is_fine(n)));
INSERT INTO data.odd VALUES (1);
CREATE OR REPLACE FUNCTION data.is_fine(n int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
"""


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'booksync'", "invalid database"),
        # pg_dump writes it without an error
        (UNRESTORABLE, 'violates check constraint "odd_n_check"'),
    ],
)
def test_a_failure_leaves_no_file_and_no_database(host: Host, sql: str, said: str) -> None:
    host.server.query(sql, database="booksync")
    result = host.run("backup.sh")
    assert result.code != 0
    assert said in result.output
    assert host.list_backups() == []
    assert host.databases() == ["booksync"]


def test_a_missing_container_is_said(host: Host) -> None:
    result = host.run("backup.sh", DATABASE_CONTAINER="absent")
    assert result.code == 1
    assert "no command can be run in absent: is it running?" in result.output


def test_old_ones_go_when_enough_newer_ones_are_there(host: Host) -> None:
    folder = host.folder / "backups"
    folder.mkdir()
    old = [f"booksync-2020010{day}T000000Z" for day in (1, 2, 3)]
    for name in old:
        for end in ENDS:
            (folder / f"{name}{end}").touch()
    (folder / "booksync-holiday.dump").touch()
    host.back_up(KEEP_COUNT="3", KEEP_DAYS="30")
    left = host.list_backups()
    assert [name for name in left if "2020" in name] == [f"{name}{end}" for name in old[1:] for end in ENDS]
    assert "booksync-holiday.dump" in left
    host.back_up(KEEP_COUNT="1", KEEP_DAYS="100000")
    assert len([name for name in host.list_backups() if "2020" in name]) == 2 * len(ENDS)


def make_old_database(server: Server, name: str) -> None:
    """Make a database that is years old, by its files."""
    server.query(f"CREATE DATABASE {name}")
    number = server.query(f"SELECT oid FROM pg_database WHERE datname = '{name}'")
    server.query(f"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; touch -t 202001010000 base/{number}/PG_VERSION'")


def test_what_a_killed_run_has_left_goes_and_what_is_in_use_stays(host: Host) -> None:
    left = ["booksync_verify_7", "booksync_restored_20200101000000", "booksync_restored_20200101000000123456789"]
    kept = ["booksync_before_20200101000000", "booksync_verify_9", "booksync_verify_mine"]
    for name in (*left, *kept):
        make_old_database(host.server, name)
    # of a run at work: it is young, as is its file
    host.server.query("CREATE DATABASE booksync_verify_8")
    folder = host.folder / "backups"
    folder.mkdir()
    for name in (".partial-7.dump", ".partial-7.keys", ".partial-8.dump"):
        (folder / name).touch()
    for path in folder.glob(".partial-7*"):
        os.utime(path, (0, 0))
    with host.server.sandbox.start(
        *("psql", "-U", "family", "-d", "booksync_verify_9", "--command", "SELECT pg_sleep(60)"),
        entrypoint=False,
        environment={"PGPORT": str(host.server.port)},
        binds=[Bind(host.server.sockets, SOCKET_DIRECTORY)],
    ) as client:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'booksync_verify_9'"
        client.wait_until(lambda: host.server.query(busy) == "1", what="a client", timeout=30)
        host.back_up()
    assert set(host.databases()) == {"booksync", "booksync_verify_8", *kept}
    assert [path.name for path in folder.glob(".partial*")] == [".partial-8.dump"]


def test_keys_without_a_backup_go_when_they_are_old(host: Host) -> None:
    folder = host.folder / "backups"
    folder.mkdir()
    alone = [f"booksync-20200101T000000Z{end}" for end in (".dump.sha256", ".keys")]
    # compressed by hand; of a run that may be at work; not ours
    kept = [f"booksync-20200102T000000Z{end}" for end in (".dump.gz", ".keys")]
    kept += ["booksync-29990101T000000Z.keys", "mine.keys"]
    for name in (*alone, *kept):
        (folder / name).touch()
    host.back_up(KEEP_COUNT="2")
    assert {*alone, *kept} <= set(host.list_backups())
    host.back_up(KEEP_COUNT="1")
    assert set(kept) <= set(host.list_backups())
    assert not set(alone) & set(host.list_backups())


def replace_command(name: str, body: str) -> dict[str, str]:
    """Return the environment in which bash has a function in the place of a command."""
    return {f"BASH_FUNC_{name}%%": f"() {{ {body}\n}}"}


def test_keys_without_their_dump_do_not_stay(host: Host) -> None:
    result = host.run("backup.sh", **replace_command("mv", '[[ $2 != *.dump ]] && command mv "$@"'))
    assert result.code != 0
    assert host.list_backups() == []


def test_an_interruption_after_its_last_step_takes_nothing_from_a_backup(host: Host) -> None:
    last = 'command mv "$@"; [[ $2 != *.dump ]] || kill -TERM $$'
    result = host.run("backup.sh", **replace_command("mv", last))
    assert result.code == 143, result.output
    assert [name[name.index(".") :] for name in host.list_backups()] == [*ENDS]
    (dump,) = (host.folder / "backups").glob("*.dump")
    assert host.run("restore.sh", "--yes", f"backups/{dump.name}").code == 0


def test_a_database_that_a_killed_run_of_the_same_number_has_left_is_in_nobodys_way(host: Host) -> None:
    left = 'psql -qU family -d postgres -c "CREATE DATABASE booksync_verify_$$"; command flock "$@"'
    result = host.run("backup.sh", PGPORT=str(host.server.port), **replace_command("flock", left))
    assert result.code == 0, result.output
    assert len(host.list_backups()) == len(ENDS)
    assert len(host.databases()) == 2


def test_a_restore_of_the_same_second_keeps_its_database(host: Host) -> None:
    dump = host.back_up()
    host.server.query("CREATE DATABASE booksync_restored_20260101000000")
    second = r'command date "${@/\%Y\%m\%d\%H\%M\%S/20260101000000}"'
    result = host.run("restore.sh", "--yes", f"backups/{dump.name}", **replace_command("date", second))
    assert result.code == 0, result.output
    assert "booksync_before_20260101000000" in result.output
    assert "booksync_restored_20260101000000" in host.databases()


def test_all_of_a_backup_is_on_the_disk_before_it_has_its_name(host: Host) -> None:
    said = {name: f'echo "{name} $*" >&2; command {name} "$@"' for name in ("sync", "mv")}
    result = host.run("backup.sh", **replace_command("sync", said["sync"]), **replace_command("mv", said["mv"]))
    assert result.code == 0, result.output
    dump = host.list_backups()[0]
    synced, _, named = result.output.partition(f"backups/{dump}\n")
    assert re.search(r"mv backups/\.partial-\d+\.dump $", synced), result.output
    for end in (r"\.partial-\d+\.dump", r"\.partial-\d+\.keys", re.escape(f"{dump}.sha256")):
        assert re.search(f"^sync backups/{end}$", synced, re.MULTILINE), end
    assert "sync backups\n" in named


def test_one_backup_at_a_time(host: Host) -> None:
    folder = host.folder / "backups"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        result = host.run("backup.sh")
    assert result.code == 1
    assert "another backup.sh is at work in backups; nothing was saved" in result.output
    assert host.list_backups() == []
    # to its last step
    step = 'flock -n backups/.lock true || echo "locked: $2" >&2; command mv "$@"'
    result = host.run("backup.sh", **replace_command("mv", step))
    assert result.code == 0, result.output
    assert f"locked: backups/{host.list_backups()[0]}\n" in result.output


def test_a_database_that_has_no_room_for_its_copy_is_not_filled(host: Host) -> None:
    result = replace(host, mounts=[Tmpfs(DATA_DIRECTORY, 5 << 20)]).run("backup.sh")
    assert result.code == 1
    line = rf"{DATA_DIRECTORY} in booksync-postgres has 5 MiB free, and verifying takes about (\d+) MiB: make room"
    said = re.search(line, result.output)
    assert said, result.output
    size = int(host.server.query("SELECT pg_database_size('booksync')"))
    assert int(said[1]) == pytest.approx(2 * size / (1 << 20), abs=1)
    assert host.list_backups() == []
    assert host.databases() == ["booksync"]


def test_an_empty_digest_is_said(host: Host) -> None:
    dump = host.back_up()
    Path(f"{dump}.sha256").write_text("")
    result = host.run("restore.sh", "--yes", f"backups/{dump.name}")
    assert result.code == 1
    assert f"{dump.name}.sha256 is empty" in result.output
    assert host.databases() == ["booksync"]


def test_a_backup_under_load_is_one_moment_of_the_database(host: Host) -> None:
    """Every transaction moves an amount from one row to another: at every moment the sum is the same."""
    host.server.query(
        "CREATE TABLE data.account AS SELECT i AS id, 100 AS amount FROM generate_series(1, 50) AS i;"
        "CREATE TABLE data.moves (n int)",
        database="booksync",
    )
    move = (
        "DO $$ BEGIN FOR i IN 1 .. 2000000000 LOOP"
        " UPDATE data.account SET amount = amount + CASE id WHEN i % 50 + 1 THEN -1 ELSE 1 END"
        " WHERE id IN (i % 50 + 1, (i + 7) % 50 + 1); INSERT INTO data.moves VALUES (i); COMMIT; END LOOP; END $$"
    )
    with host.server.sandbox.start(
        *("psql", "-U", "family", "-d", "booksync", "--command", move),
        entrypoint=False,
        environment={"PGPORT": str(host.server.port)},
        binds=[Bind(host.server.sockets, SOCKET_DIRECTORY)],
    ) as writer:
        moved = "SELECT count(*) > 10 FROM data.moves"
        writer.wait_until(lambda: host.server.query(moved, database="booksync") == "t", what="moves", timeout=60)
        dump = host.back_up()
        during = int(host.server.query("SELECT count(*) FROM data.moves", database="booksync"))
        assert writer.poll() is None, "the load ended before the backup did"
    users = digest(host.server)
    # with the time that it may take, as restore.sh minds who is connected
    host.server.query("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = 'booksync'")
    result = host.run("restore.sh", "--yes", f"backups/{dump.name}")
    assert result.code == 0, result.output
    sums = "SELECT sum(amount), (SELECT count(*) FROM data.moves) FROM data.account"
    total, moves = map(int, host.server.query(sums, database="booksync").split("|"))
    assert total == 5000
    assert 10 < moves <= during
    assert digest(host.server) == users
