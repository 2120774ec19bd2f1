"""Migrations run once however many replicas start, and one that fails leaves the schema as it was."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_common.app import make_database
from booksync_common.migrations import Migrations, migrate
from booksync_service_testing import processes
from booksync_service_testing.server import execute, render
from booksync_service_testing.server import make_database as make_empty_database
from booksync_service_testing.serving import PATIENCE

PACKAGE = "booksync_failing_migrations"
FIRST = 'op.execute("CREATE TABLE failing.kept AS SELECT 7 AS n")'
SECOND = """op.execute("CREATE TABLE failing.begun (n int)")
    op.execute("ALTER TABLE failing.kept ADD COLUMN more int DEFAULT 1")
    op.execute("SELECT n / 0 FROM failing.kept")"""
REVISION = '''"""A migration."""

from alembic import op

revision = "{revision}"
down_revision = {previous}


def upgrade() -> None:
    {statements}
'''


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migrations]:
    """Return migrations of which the second does some things and then fails."""
    versions = tmp_path / PACKAGE / "migrations/versions"
    versions.mkdir(parents=True)
    for folder in (versions.parent.parent, versions.parent):
        (folder / "__init__.py").touch()
    revisions = {"0001": ("None", FIRST), "0002": ("'0001'", SECOND)}
    for revision, (previous, statements) in revisions.items():
        text = REVISION.format(revision=revision, previous=previous, statements=statements)
        (versions / f"{revision}_step.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Migrations(package=PACKAGE, schema="failing", metadata=MetaData(schema="failing"))
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def load(url: URL) -> SampleSettings:
    """Make settings for a database."""
    return SampleSettings.load(database_url=render(url))


async def test_a_migration_that_fails_halfway_is_undone(failing: Migrations) -> None:
    async with make_empty_database() as url:
        database = make_database(SERVICE, load(url))
        assert database is not None
        for _ in range(2):
            with pytest.raises(DBAPIError, match="division by zero"):
                await migrate(database, failing)
            assert await execute(url, "SELECT version_num FROM failing.alembic_version") == "0001"
            assert await execute(url, "SELECT to_regclass('failing.begun')") is None
            assert await execute(url, "SELECT kept::text FROM failing.kept") == "(7)"
            # nobody is left with the lock
            assert await execute(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


@pytest.mark.parametrize("words", [["migrate"], ["serve"]], ids=" ".join)
async def test_a_migration_that_fails_ends_the_process_with_one_readable_line(words: list[str]) -> None:
    async with make_empty_database() as url:
        # in the way of the first migration
        await execute(url, "CREATE SCHEMA sample", "CREATE TABLE sample.notes AS SELECT 1 AS n")
        result = processes.run("sample", *words, DATABASE_URL=render(url), PORT=str(processes.find_free_port()))
        assert result.returncode == 1
        assert "already exists" in result.stderr.splitlines()[-1]
        assert "Traceback" not in result.stderr
        assert await execute(url, "SELECT notes::text FROM sample.notes") == "(1)"
        assert await execute(url, "SELECT to_regclass('sample.alembic_version')") is None


async def test_three_processes_that_start_at_once_migrate_once_and_all_serve(tmp_path: Path) -> None:
    async with make_empty_database() as url:
        with ExitStack() as stack:
            replicas = [
                stack.enter_context(
                    processes.start("sample", "serve", log_path=tmp_path / str(number), DATABASE_URL=render(url))
                )
                for number in range(3)
            ]
            for replica in replicas:
                replica.wait_for("/health/ready", 200)
            lines = [str(entry["message"]) for replica in replicas for entry in replica.log()]
            assert len([line for line in lines if line == "migrating schema sample to 0001"]) == 1
            for replica in replicas:
                replica.terminate()
                assert replica.process.wait(PATIENCE) in (0, -15)


def test_sql_can_be_printed_without_a_database() -> None:
    result = processes.run("sample", "migrate", "--sql")
    assert result.returncode == 0, result.stderr
    assert "CREATE SCHEMA IF NOT EXISTS sample;" in result.stdout
    assert "CREATE TABLE sample.notes" in result.stdout


def test_options_together_are_refused() -> None:
    assert processes.run("sample", "migrate", "--check", "--sql").returncode == 2
