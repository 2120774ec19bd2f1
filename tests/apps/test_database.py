"""`nix run .#database` gives services their roles and tests a server of their own, keeps data, and ends on ^C."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from booksync_apps.database import create_parser
from booksync_testing.waiting import wait_until
from booksync_testing.web import LOOPBACK, free_port
from process_tree import list_descendants, list_left
from program_output import wait_for_lines

START_LIMIT_S = 120
END_LIMIT_S = 60


@dataclass(frozen=True)
class Running:
    """A database that has begun.

    :param addresses: what it has printed: variable, and the service where there is one -> address
    """

    process: subprocess.Popen[str]
    addresses: dict[tuple[str, str], str]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Do what ^C does, and return the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(END_LIMIT_S)


def program() -> str:
    return os.environ.get("BOOKSYNC_DATABASE") or pytest.fail("BOOKSYNC_DATABASE: bin/database of `.#apps` is not set")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database is begun once for all tests that do not care."""
    return tmp_path_factory.mktemp("apps") / "database"


@contextmanager
def start(directory: Path, port: int) -> Iterator[Running]:
    """Start a database and wait until it lets clients in."""
    output, log = (directory.with_suffix(suffix) for suffix in (".output", ".log"))
    with output.open("w") as stdout, log.open("w") as errors:
        process = subprocess.Popen(
            [program(), "--port", str(port), "--directory", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        printed = wait_for_lines(process, output, count=4, errors=log, seconds=START_LIMIT_S)
        found = [re.fullmatch(r"(\w+)=(\S+)(?:  # (\w+))?\n", line) for line in printed]
        addresses = {(match[1], match[3] or ""): match[2] for match in found if match}
        assert len(addresses) == len(printed), (printed, log.read_text())

        def is_serving() -> bool:
            assert process.poll() is None, log.read_text()
            return asyncio.run(is_ready(addresses["TEST_DATABASE_URL", ""]))

        wait_until(is_serving, what=lambda: f"clients are let in:\n{log.read_text()}", seconds=START_LIMIT_S)
        yield Running(process, addresses)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def connect(address: str) -> asyncpg.Connection:
    return await asyncpg.connect(address.replace("postgresql+asyncpg://", "postgresql://"))


async def is_ready(address: str) -> bool:
    try:
        connection = await connect(address)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def run(address: str, *statements: str) -> object:
    """Run statements and return the value of the last one."""
    connection = await connect(address)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


def test_what_it_prints_is_what_works(directory: Path, port: int) -> None:
    with start(directory, port) as database:
        tests = database.addresses["TEST_DATABASE_URL", ""]
        assert asyncio.run(run(tests, "CREATE DATABASE other", "SELECT count(*) FROM pg_database")) == 5
        assert (
            asyncio.run(run(tests, "CREATE EXTENSION IF NOT EXISTS vector", "SELECT '[1,2]'::vector <-> '[1,4]'")) == 2
        )
        for service in ("auth", "data", "prediction"):
            address = database.addresses["DATABASE_URL", service]
            assert asyncio.run(run(address, "CREATE TABLE own (x int)", "SELECT current_user")) == f"booksync_{service}"
        assert database.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_shut_down_in_order(directory: Path, port: int, number: signal.Signals) -> None:
    with start(directory, port) as database:
        assert database.end(number) == 0
    assert "database system is shut down" in directory.with_suffix(".log").read_text()


def test_a_second_interrupt_kills_it_and_leaves_nothing_behind(directory: Path, port: int) -> None:
    with start(directory, port) as database:
        processes = list_descendants(database.process.pid)
        (checkpointer,) = (pid for pid, words in processes.items() if words.startswith("postgres: checkpointer"))
        os.kill(checkpointer, signal.SIGSTOP)  # the server does not end by itself now
        os.killpg(database.process.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            database.process.wait(2)
        os.killpg(database.process.pid, signal.SIGINT)
        database.process.wait(END_LIMIT_S)
    wait_until(
        lambda: not list_left(processes),
        what=lambda: f"nothing is left, got {list_left(processes)}",
        seconds=END_LIMIT_S,
    )


def test_data_outlive_it_and_nothing_is_unpacked_twice(directory: Path, port: int) -> None:
    with start(directory, port) as database:
        auth = database.addresses["DATABASE_URL", "auth"]
        asyncio.run(run(auth, "CREATE TABLE kept AS SELECT 42 AS x", "SELECT 1"))
        assert database.end() == 0
    (root,) = directory.glob("roots/*")
    before = root.stat().st_ctime_ns
    with start(directory, port) as database:
        assert asyncio.run(run(auth, "SELECT x FROM kept")) == 42
        assert database.end() == 0
    assert [path.stat().st_ctime_ns for path in directory.glob("roots/*")] == [before]


def test_an_image_that_was_half_unpacked_or_is_old_is_replaced(tmp_path: Path, port: int) -> None:
    directory = tmp_path / "database"
    stale = [
        directory / name for name in ("layers/partial-01234567", "layers/01234567", "roots/partial-01", "roots/01")
    ]
    for path in stale:
        (path / "usr").mkdir(parents=True)
    (directory / "booksync.lock").touch()
    with start(directory, port) as database:
        assert database.end() == 0
    assert not [path for path in stale if path.exists()]
    assert len(list(directory.glob("roots/*"))) == 1


@pytest.mark.parametrize(
    "names", [["layers/a/photo"], ["roots/a/photo", "data/photo"], ["data/PG_VERSION", "layers/a/photo"]]
)
def test_a_folder_with_other_files_stays_as_it_is(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    before = sorted(tmp_path.rglob("*"))
    # what begins on such a port ends at once
    done = subprocess.run(
        [program(), "--port", "-1", "--directory", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (sorted(tmp_path.rglob("*")), done.returncode, done.stdout) == (before, 1, "")
    assert "expected an empty folder or one that this app has made" in done.stderr


def test_a_folder_of_a_version_without_locks_goes_on(tmp_path: Path, port: int) -> None:
    directory = tmp_path / "database"
    directory.mkdir()
    with start(directory, port) as database:
        auth = database.addresses["DATABASE_URL", "auth"]
        asyncio.run(run(auth, "CREATE TABLE kept AS SELECT 42 AS x", "SELECT 1"))
        assert database.end() == 0
    for name in ("layers", "roots"):
        shutil.rmtree(directory / name)
    (directory / "booksync.lock").unlink()
    (directory / "root-0123456789ab/usr").mkdir(parents=True)
    with start(directory, port) as database:
        assert asyncio.run(run(auth, "SELECT x FROM kept")) == 42
        assert database.end() == 0


def test_two_never_serve_one_directory(directory: Path, port: int) -> None:
    with start(directory, port) as database:
        other = subprocess.run(
            [program(), "--port", "1", "--directory", str(directory)], capture_output=True, text=True, check=False
        )
        assert (other.returncode, other.stdout) == (1, "")
        assert f"{directory} is in use by process {database.process.pid}" in other.stderr
        assert database.end() == 0


def test_a_port_that_is_taken_ends_it(directory: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, port))
        other.listen()
        done = subprocess.run(
            [program(), "--port", str(port), "--directory", str(directory)],
            capture_output=True,
            text=True,
            check=False,
            timeout=START_LIMIT_S,
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--port", "many"], 2, "invalid int value"),
        (["--unknown"], 2, "unrecognized arguments"),
        (["--directory", "/proc/database"], 1, "database: "),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], code: int, said: str) -> None:
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_says_that_it_is_for_development() -> None:
    done = subprocess.run([program(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for word in ("--port", "--directory", "5432", "127.0.0.1 alone", "never for a family's data"):
        assert word in done.stdout
    assert create_parser().prog.startswith("nix run .#database")
