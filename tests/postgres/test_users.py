"""The server runs as its own user, as any other, and drops root; a folder that is not its own is explained."""

from dataclasses import replace
from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, SOCKET_DIRECTORY, start_postgres
from booksync_testing.programs import write_program
from booksync_testing.sandbox import Bind, Sandbox, Tmpfs

ARBITRARY = (12345, 54321)


def test_an_arbitrary_user_initialises_and_serves(sandbox: Sandbox, data: Path) -> None:
    other = replace(sandbox, user=ARBITRARY)
    with start_postgres(other, data=data, user="booksync") as server:
        assert server.query("SELECT 'served'", database="booksync") == "served"
        program = "CREATE TEMP TABLE shown (line text); COPY shown FROM PROGRAM 'id -u; id -g'; SELECT * FROM shown"
        assert server.query(program) == "12345\n54321"
        assert server.stop() == 0
    with start_postgres(other, data=data, user="booksync") as again:
        assert again.query("SELECT 'again'", database="booksync") == "again"


def test_without_a_folder_for_it_the_socket_is_in_tmp(sandbox: Sandbox, data: Path) -> None:
    # its folder is another's when /run is an empty tmpfs that root has made
    binds = [Bind(Path("/proc/self"), SOCKET_DIRECTORY)]
    with start_postgres(sandbox, data=data, binds=binds) as server:
        assert "the unix socket is in /tmp" in server.process.log()


def test_an_empty_tmpfs_on_run_is_enough(sandbox: Sandbox) -> None:
    with start_postgres(sandbox, binds=[Tmpfs(SOCKET_DIRECTORY, 1 << 20)]) as server:
        assert "in /tmp" not in server.process.log()


@pytest.fixture
def foreign(scratch: Path) -> Path:
    """Return a directory that the server's user may not write to, as root's folder of a NAS."""
    directory = scratch / "foreign"
    directory.mkdir()
    return directory


def test_a_folder_of_root_is_explained_with_the_command_to_run(sandbox: Sandbox, foreign: Path) -> None:
    result = sandbox.run(
        "postgres", environment={"POSTGRES_PASSWORD": "password"}, binds=[Bind(foreign, DATA_DIRECTORY)]
    )
    assert result.code == 1
    assert f"{DATA_DIRECTORY} cannot be used by uid 999" in result.output
    assert "sudo chown -R 999:999 FOLDER" in result.output
    assert "--user 0 --volumes-from booksync-postgres --entrypoint chown REGISTRY/NAMESPACE/booksync-postgres" in (
        result.output
    )


def test_the_command_names_the_user_that_was_asked_for(sandbox: Sandbox, foreign: Path) -> None:
    other = replace(sandbox, user=ARBITRARY)
    result = other.run("postgres", environment={"POSTGRES_PASSWORD": "password"}, binds=[Bind(foreign, DATA_DIRECTORY)])
    assert "sudo chown -R 12345:54321 FOLDER" in result.output


@pytest.mark.parametrize(
    "waldir",
    [{"POSTGRES_INITDB_WALDIR": "/tmp/wal"}, {"POSTGRES_INITDB_WALDIR_FILE": "/tmp/secrets/waldir"}],
    ids=["variable", "file"],
)
def test_root_gives_the_folders_away_and_drops_itself(
    sandbox: Sandbox, data: Path, scratch: Path, waldir: dict[str, str]
) -> None:
    """One user is all that a build's namespace has, so what root calls is recorded instead of done."""
    (data / "of root").touch()
    secrets, programs = scratch / "secrets", scratch / "bin"
    secrets.mkdir()
    (secrets / "waldir").write_text("/tmp/wal\n")
    (secrets / "password").write_text("read by root\n")
    programs.mkdir()
    record = '#!/bin/bash\necho "${0##*/}:$(printf " <%s>" "$@")"\n'
    write_program(programs / "chown", record)
    write_program(programs / "su", record + 'echo "${POSTGRES_PASSWORD-} ${POSTGRES_PASSWORD_FILE-}"\n')
    root = replace(sandbox, user=(0, 0), environment={"PATH": f"/tmp/bin:{sandbox.image.environment['PATH']}"})
    result = root.run(
        *("postgres", "-c", "work_mem=5 MB"),
        environment={"POSTGRES_PASSWORD_FILE": "/tmp/secrets/password", **waldir},
        binds=[Bind(programs, "/tmp/bin"), Bind(secrets, "/tmp/secrets"), Bind(data, DATA_DIRECTORY, "write")],
    )
    assert result.output.splitlines() == [
        *(f"chown: <-R> <postgres:postgres> <{folder}>" for folder in (DATA_DIRECTORY, SOCKET_DIRECTORY, "/tmp/wal")),
        "su: <-s> </usr/local/bin/docker-entrypoint.sh> <--> <postgres> <postgres> <-c> <work_mem=5 MB>",
        # its file may be for root alone
        "read by root ",
    ]
    assert result.code == 0
