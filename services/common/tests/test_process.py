"""The command line, as the image's entry point uses it: one line and a code where it refuses, and an orderly end."""

import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

from booksync_service_testing import processes
from booksync_service_testing.server import make_database, make_role, render
from booksync_service_testing.serving import PATIENCE

#: Print how many objects are exempt from garbage collection when the service is ready.
SERVE_AND_COUNT = """
import asyncio, gc
from booksync_api_sample.main import app

async def serve():
    async with app.router.lifespan_context(app):
        while not app.state.startup.is_ready:
            await asyncio.sleep(0.01)
        print(gc.get_freeze_count())

asyncio.run(serve())
"""

#: Print the same of a command line that has imported the service, and what else became of the imports.
SERVE_NOTHING_AND_COUNT = """
import gc, sys
from booksync_common import running
from booksync_api_sample.cli import main

sys.argv = ["booksync-api-sample", "serve"]
running.run = lambda *arguments: print(gc.get_freeze_count(), gc.isenabled(), "alembic" in sys.modules) or 0
main()
"""

ORDERLY_CODES = (0, -15)  # -15: of SIGTERM, after it has drained


def test_help() -> None:
    result = processes.run("sample", "--help")
    assert result.returncode == 0
    assert "migrate [--check|--sql]" in result.stdout


@pytest.mark.parametrize("words", [["--helpp"], ["serve", "now"], ["migrate", "--down"]])
def test_unknown_arguments_are_refused(words: list[str]) -> None:
    result = processes.run("sample", *words)
    assert result.returncode == 2
    assert "usage:" in result.stderr


def test_other_command_is_run_as_it_is_and_knows_host_and_port() -> None:
    script = 'echo "$UVICORN_HOST $UVICORN_PORT $1"; exit 3'
    result = processes.run("sample", "/bin/sh", "-c", script, "name", "an argument", HOST="::1", PORT="7777")
    assert (result.returncode, result.stdout) == (3, "::1 7777 an argument\n")


def test_other_command_has_the_defaults() -> None:
    result = processes.run("sample", "/bin/sh", "-c", 'echo "$UVICORN_HOST $UVICORN_PORT"')
    assert result.stdout == "0.0.0.0 8999\n"


def test_command_that_does_not_exist() -> None:
    result = processes.run("sample", "no-such-command")
    assert result.returncode == 127
    assert "no-such-command" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_the_start_has_made_is_no_work_for_the_garbage_collector() -> None:
    result = processes.run("sample", sys.executable, "-c", SERVE_AND_COUNT)
    assert int(result.stdout) > 10_000, result.stderr


def test_imports_wait_neither_for_the_garbage_collector_nor_for_alembic() -> None:
    result = processes.run("sample", sys.executable, "-c", SERVE_NOTHING_AND_COUNT)
    frozen, *others = result.stdout.split()
    assert int(frozen) > 10_000
    assert others == ["True", "False"]


@pytest.mark.parametrize(("words", "is_imported"), [(["/bin/sh", "-c", ":"], False), (["migrate", "--sql"], True)])
def test_the_service_is_imported_for_its_own_commands_alone(words: list[str], is_imported: bool) -> None:
    result = processes.run("sample", *words, PYTHONPROFILEIMPORTTIME="1")
    assert result.returncode == 0, result.stderr
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    heavy = {"fastapi", "pydantic", "sqlalchemy"}
    assert imported & heavy == (heavy if is_imported else set())


@pytest.mark.parametrize("words", [["serve"], ["migrate"], ["uvicorn", "booksync_api_sample.main:app"]])
def test_refused_configuration_is_one_line(words: list[str], tmp_path: Path) -> None:
    if words[0] == "uvicorn":
        words = [*processes.write_uvicorn(tmp_path), *words[1:]]
    result = processes.run("sample", *words, ENVIRONMENT="production")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "DATABASE_URL" in line


def test_migrate(database_url: URL) -> None:
    url = render(database_url)
    migrated = processes.run("sample", "migrate", DATABASE_URL=url)
    assert migrated.returncode == 0, migrated.stderr
    checked = processes.run("sample", "migrate", "--check", DATABASE_URL=url)
    assert (checked.returncode, checked.stdout) == (0, "schema sample: head\n")


def test_check_of_a_schema_that_is_behind(server_url: URL) -> None:
    checked = processes.run("sample", "migrate", "--check", DATABASE_URL=render(server_url))
    assert (checked.returncode, checked.stdout) == (1, "schema sample: behind\n")


def test_migrate_without_a_server_is_one_line() -> None:
    port = processes.find_free_port()
    address = f"postgresql+asyncpg://user:hunter2@127.0.0.1:{port}/booksync"
    result = processes.run("sample", "migrate", DATABASE_URL=address)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert f"booksync on 127.0.0.1:{port}" in line
    assert "hunter2" not in line


def test_sigterm_lets_a_request_in_flight_finish(tmp_path: Path) -> None:
    with processes.start("sample", log_path=tmp_path / "log") as service:
        service.wait_for("/wait?seconds=0", 200)
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx.get(f"{service.address}/wait?seconds=5", timeout=60))
        )
        asking.start()
        while "http_requests_in_flight 2.0" not in httpx.get(f"{service.address}/metrics", timeout=60).text:
            assert asking.is_alive()
        code = service.terminate()
        asking.join()
        assert [answer.status_code for answer in answers] == [200]
        assert code in ORDERLY_CODES
        assert any(entry["message"] == "GET /wait 200" for entry in service.log())


def test_every_line_of_the_log_is_json(database_url: URL, tmp_path: Path) -> None:
    variables = {"DATABASE_URL": render(database_url), "DATABASE_ECHO": "true", "DEBUG": "true"}
    with processes.start("sample", log_path=tmp_path / "log", **variables) as service:
        service.wait_for("/health/ready", 200)
        service.wait_for("/mistake", 500)
        service.terminate()
        entries = service.log()
    assert {entry["service"] for entry in entries} == {"booksync-api-sample"}
    assert {"uvicorn.error", "booksync.access", "sqlalchemy.engine.Engine"} <= {entry["logger"] for entry in entries}


def test_missing_variable_is_one_warning(tmp_path: Path) -> None:
    with processes.start("sample", log_path=tmp_path / "log", WEB_CONCURRENCY="2") as service:
        service.wait_for("/health", 200)
        service.terminate()
        (warning,) = (entry for entry in service.log() if entry["level"] == "warning")
    assert "DATABASE_URL" in str(warning["message"])


def test_uvicorns_own_command_listens_on_host_and_port(tmp_path: Path) -> None:
    words = [*processes.write_uvicorn(tmp_path), "booksync_api_sample.main:app"]
    with processes.start("sample", *words, log_path=tmp_path / "log") as service:
        service.wait_for("/health", 200)
        assert service.terminate() in ORDERLY_CODES
        assert {entry["service"] for entry in service.log()} == {"booksync-api-sample"}


@pytest_asyncio.fixture
async def address_without_schema() -> AsyncIterator[str]:
    """Make a database in which a service cannot make its schema."""
    async with make_database() as url, make_role(url) as role:
        yield render(role)


@pytest.mark.parametrize("uvicorn", [False, True], ids=["serve", "uvicorn"])
def test_start_that_cannot_succeed_ends_the_process(address_without_schema: str, tmp_path: Path, uvicorn: bool) -> None:
    words = [*processes.write_uvicorn(tmp_path), "booksync_api_sample.main:app"] if uvicorn else ["serve"]
    with processes.start("sample", *words, log_path=tmp_path / "log", DATABASE_URL=address_without_schema) as service:
        assert service.process.wait(PATIENCE) == 1
        last = service.log()[-1]
    assert last["level"] == "critical"
    assert "schema sample is missing" in str(last["message"])
    assert "exception" not in last
