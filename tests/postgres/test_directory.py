"""A data directory is initialised whole or not at all, and one that is no database is explained, never overwritten."""

import hashlib
import signal
from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, start_postgres
from booksync_testing.sandbox import Bind, Result, Sandbox

ENVIRONMENT = {"POSTGRES_PASSWORD": "password"}


def start_on(sandbox: Sandbox, data: Path) -> Result:
    """Start on a directory that must be refused."""
    result = sandbox.run("postgres", environment=ENVIRONMENT, binds=[Bind(data, DATA_DIRECTORY, "write")])
    assert result.code == 1, result.output
    return result


def list_tree(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.mark.parametrize("version", ["16", "18"])
def test_another_major_version_is_recognised(sandbox: Sandbox, data: Path, version: str) -> None:
    (data / "PG_VERSION").write_text(f"{version}\n")
    said = start_on(sandbox, data).output
    assert f"{DATA_DIRECTORY} holds a database of PostgreSQL {version}; this image is PostgreSQL 17" in said
    assert "pg_dumpall" in said
    assert list_tree(data) == ["PG_VERSION"]


def test_what_is_no_database_is_left_alone(sandbox: Sandbox, data: Path) -> None:
    (data / "holiday.jpg").touch()
    (data / ".hidden").touch()
    said = start_on(sandbox, data).output
    assert f"{DATA_DIRECTORY} holds something that is no database" in said
    assert "holiday.jpg" in said
    assert ".hidden" in said
    assert f"PGDATA={DATA_DIRECTORY}/pgdata" in said
    assert list_tree(data) == [".hidden", "holiday.jpg"]


def test_folders_of_file_systems_and_nas_are_in_nobodys_way(sandbox: Sandbox, data: Path) -> None:
    for name in ("lost+found", "@eaDir"):
        (data / name).mkdir()
    with start_postgres(sandbox, data=data) as server:
        assert server.query("SELECT 1") == "1"
    assert (data / "lost+found").is_dir()


def test_a_copy_that_others_can_enter_is_closed(sandbox: Sandbox, data: Path) -> None:
    with start_postgres(sandbox, data=data):
        pass
    for before, after in ((0o755, 0o700), (0o770, 0o700), (0o777, 0o700), (0o750, 0o750)):
        data.chmod(before)
        with start_postgres(sandbox, data=data) as server:
            assert server.query("SELECT 1") == "1"
            assert ("it becomes 700" in server.process.log()) == (before != after)
        assert data.stat().st_mode & 0o777 == after


def test_a_start_that_was_stopped_during_initdb_begins_again(sandbox: Sandbox, data: Path) -> None:
    (data / "booksync-initialising/data/base").mkdir(parents=True)
    (data / "global").mkdir()
    (data / "lost+found").mkdir()
    with start_postgres(sandbox, data=data) as server:
        assert server.query("SELECT 1") == "1"
        assert "the last start was stopped during initdb; beginning again" in server.process.log()
    assert not (data / "booksync-initialising").exists()
    assert (data / "lost+found").is_dir()


def test_clearing_away_that_was_stopped_itself_begins_again(sandbox: Sandbox, data: Path) -> None:
    (data / "booksync-initialising/data/base").mkdir(parents=True)
    for name in ("base", "global"):
        (data / name).mkdir()
    binds = [Bind(data, DATA_DIRECTORY, "write")]
    # of what it is given, the first alone goes
    environment = {**ENVIRONMENT, "BASH_FUNC_rm%%": '() { command rm "$1" "$2"; exit 9; }'}
    for left in (["booksync-initialising", "global"], ["booksync-initialising"]):
        result = sandbox.run("postgres", environment=environment, binds=binds)
        assert result.code == 9, result.output
        assert sorted(path.name for path in data.iterdir()) == left
    with start_postgres(sandbox, data=data) as server:
        assert server.query("SELECT 1") == "1"


def test_the_first_starts_own_server_ends_in_its_own_time(sandbox: Sandbox, data: Path) -> None:
    # a slow disk's last checkpoint: held for longer than pg_ctl waits when it is not told how long
    body = """() {
        if [[ ${!#} == stop ]]; then
            local postmaster
            read -r postmaster <"$PGDATA/postmaster.pid"
            kill -STOP "$postmaster"
            (sleep 4; kill -CONT "$postmaster") &
        fi
        command pg_ctl "$@"
    }"""
    with start_postgres(sandbox, data=data, environment={"BASH_FUNC_pg_ctl%%": body, "PGCTLTIMEOUT": "1"}) as server:
        assert server.query("SELECT 1") == "1"
    assert not (data / "booksync-initialising").exists()


def test_what_is_written_after_initdb_is_on_the_disk_before_it_is_a_database(sandbox: Sandbox, data: Path) -> None:
    files = ("pg_hba.conf", "postgresql.conf")
    # a power cut cannot be had here: what initdb is asked to sync is what stays
    body = f"""() {{
        command initdb "$@" || return
        [[ $1 != --sync-only || -e $PGDATA/PG_VERSION ]] || (cd "${{2#--pgdata=}}" && sha256sum {" ".join(files)})
    }}"""
    environment = {"BASH_FUNC_initdb%%": body}
    with start_postgres(sandbox, data=data, environment=environment) as server:
        for file in files:
            digest = hashlib.sha256((data / file).read_bytes()).hexdigest()
            assert f"{digest}  {file}\n" in server.process.log()


@pytest.mark.parametrize(
    ("number", "progress"),
    [*((signal.SIGKILL, moment) for moment in range(4)), (signal.SIGTERM, 1), (signal.SIGTERM, 3), (signal.SIGINT, 2)],
)
def test_stopped_at_any_moment_of_the_first_start(
    sandbox: Sandbox, data: Path, number: signal.Signals, progress: int
) -> None:
    """The next start finds a database, makes one, or says that a person has to look; it never serves half of one."""
    moments = ("booksync-initialising/data", "booksync-initialising/data/pg_wal", "PG_VERSION", "postmaster.pid")
    binds = [Bind(data, DATA_DIRECTORY, "write")]
    with sandbox.start("postgres", environment=ENVIRONMENT, binds=binds) as process:
        process.wait_until((data / moments[progress]).exists, what=moments[progress], timeout=60)
        process.signal(number)
        process.wait(30)
    is_half_made = (data / "PG_VERSION").exists()
    if is_half_made:
        assert "did not come to its end" in start_on(sandbox, data).output
        return
    with start_postgres(sandbox, data=data) as server:
        assert server.query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'booksync\\_%'") == "3"
