"""Start-up behind an open port: it waits, migrates once, says what is wrong, and ends only where waiting is no help."""

import asyncio
import logging
from dataclasses import replace

import pytest
from sqlalchemy.engine import URL

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_common.app import make_database
from booksync_common.database import Database
from booksync_common.migrations import migrate
from booksync_common.parts import Part
from booksync_service_testing.processes import find_free_port
from booksync_service_testing.server import execute, load_server, make_role, render
from booksync_service_testing.server import make_database as make_empty_database
from booksync_service_testing.serving import serve, wait_for


def load(url: URL, **values: object) -> SampleSettings:
    """Make settings for a database."""
    return SampleSettings.load(database_url=render(url), **values)


def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    """Tell whether a line of the log has a text in it."""
    return any(text in record.getMessage() for record in caplog.records)


async def test_routes_answer_503_until_the_database_is_there(caplog: pytest.LogCaptureFixture) -> None:
    nowhere = URL.create(
        "postgresql+asyncpg", "user", "hunter2", host="127.0.0.1", port=find_free_port(), database="booksync"
    )
    async with serve(SERVICE, load(nowhere), wait=False) as serving:
        await wait_for(lambda: said(caplog, "waiting for the database booksync on 127.0.0.1"))
        answer = await serving.client.get("/wait?seconds=0")
        assert (answer.status_code, answer.json()["code"]) == (503, "starting")
        assert int(answer.headers["retry-after"]) > 0
        assert (await serving.client.get("/nowhere")).status_code == 503
        assert (await serving.client.get("/health")).json()["checks"]["startup"]["status"] == "starting"
        assert (await serving.client.get("/health/ready")).status_code == 503
        for root in ("", "/api/v1"):
            assert (await serving.client.get(f"{root}/health/live")).status_code == 200
            assert (await serving.client.get(f"{root}/docs")).status_code == 200
        assert (await serving.client.get("/docs/swagger-ui.css")).status_code == 200
    assert "hunter2" not in caplog.text


async def test_database_that_comes_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url:
        later = url.set(database=f"{url.database}_later")
        async with serve(SERVICE, load(later), wait=False) as serving:
            await wait_for(lambda: said(caplog, "does not exist"))
            await execute(url, f'CREATE DATABASE "{later.database}"')
            await serving.wait_until_ready()
            assert (await serving.client.post("/notes/1")).status_code == 200
        await execute(url, f'DROP DATABASE "{later.database}" WITH (FORCE)')


async def test_ready_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booksync_common.health.FRESH", 3600.0)
    async with make_empty_database() as url, serve(SERVICE, load(url), wait=False) as serving:
        assert (await serving.client.get("/health/ready")).status_code == 503
        await serving.wait_until_ready()
        assert (await serving.client.get("/health/ready")).status_code == 200


async def test_three_replicas_migrate_once(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url:
        settings = load(url)
        database = make_database(SERVICE, settings)
        assert database is not None
        migrations = SERVICE.migrations(settings)
        with caplog.at_level(logging.INFO, logger="booksync_common"):
            states = await asyncio.gather(*(migrate(database, migrations) for _ in range(3)))
        assert sorted(states) == ["behind", "head", "head"]
        assert said(caplog, "another replica is migrating")
        assert await execute(url, "SELECT version_num FROM sample.alembic_version") == "0001"
        # nobody is left with the lock
        assert await execute(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_migration_outlasts_the_roles_time_outs() -> None:
    async with make_empty_database() as url, make_role(url, schema="sample") as role:
        await execute(
            url,
            f"ALTER ROLE {role.username} SET statement_timeout = '100ms'",
            f"ALTER ROLE {role.username} SET lock_timeout = '100ms'",
        )
        async with serve(SERVICE, load(role)) as serving:
            assert (await serving.client.get("/health/ready")).status_code == 200


async def test_schema_that_cannot_be_made_ends_the_service(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        make_empty_database() as url,
        make_role(url) as role,
        serve(SERVICE, load(role), wait=False) as serving,
    ):
        await wait_for(serving.fatal.is_set)
        assert (await serving.client.get("/health")).json()["checks"]["startup"]["status"] == "failing"
    (record,) = (record for record in caplog.records if record.levelno == logging.CRITICAL)
    assert "schema sample is missing" in record.getMessage()
    assert "init-db.sh" in record.getMessage()
    assert "booksync-postgres" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert not record.exc_info


async def test_schema_of_somebody_else_ends_the_service(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url, make_role(url) as role:
        await execute(url, "CREATE SCHEMA sample")
        async with serve(SERVICE, load(role), wait=False) as serving:
            await wait_for(serving.fatal.is_set)
    assert said(caplog, "init-db.sh")


async def test_database_of_a_script_that_gives_everybody_everything_is_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with make_empty_database() as url, make_role(url, schema="sample") as role, make_role(url) as other:
        await execute(
            url,
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {other.username}",
            "CREATE TABLE public.notes ()",
            f"GRANT USAGE ON SCHEMA sample TO {other.username}",
        )
        async with serve(SERVICE, load(role)):
            pass
    (warning,) = (record.getMessage() for record in caplog.records if "may use its data" in record.getMessage())
    assert "tables of ours in schema public (notes)" in warning
    assert f"default privileges in schema public for {other.username}" in warning
    assert f"privileges on schema sample for {other.username}" in warning
    assert "init-db.sh" in warning


async def test_database_of_our_own_gives_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url, make_role(url, schema="sample") as role, serve(SERVICE, load(role)):
        pass
    assert not said(caplog, "may use its data")


async def test_without_auto_migrate_it_waits_for_somebody_to_migrate(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url:
        settings = load(url, auto_migrate=False)
        async with serve(SERVICE, settings, wait=False) as serving:
            await wait_for(lambda: said(caplog, "AUTO_MIGRATE is off"))
            checks = (await serving.client.get("/health/ready")).json()["checks"]
            assert checks["migrations"]["status"] == "failing"
            database = make_database(SERVICE, settings)
            assert database is not None
            await migrate(database, SERVICE.migrations(settings))
            await serving.wait_until_ready()


async def test_schema_of_a_newer_version_is_served_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async with make_empty_database() as url:
        async with serve(SERVICE, load(url)):
            pass
        await execute(url, "UPDATE sample.alembic_version SET version_num = '9999'")
        async with serve(SERVICE, load(url)) as serving:
            ready = await serving.client.get("/health/ready")
            assert ready.status_code == 200
            assert "newer version" in ready.json()["checks"]["migrations"]["detail"]
    assert said(caplog, "newer than this version")


async def test_lost_database_is_503_and_comes_back() -> None:
    async with make_empty_database() as url, serve(SERVICE, load(url)) as serving:
        await execute(load_server(), f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
        await execute(
            load_server(), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'"
        )
        answer = await serving.client.post("/notes/1")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert (await serving.client.get("/health/ready")).status_code == 503
        assert (await serving.client.get("/health")).status_code == 200
        await execute(load_server(), f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')
        assert (await serving.client.post("/notes/1")).status_code == 200


async def test_exhausted_pool_is_503_with_a_time_to_come_back() -> None:
    async with make_empty_database() as url:
        settings = load(url, database_pool_size=1, database_pool_timeout=0.2)
        async with serve(SERVICE, settings) as serving:
            held = asyncio.create_task(serving.client.get("/hold?seconds=4"))
            asleep = f"datname = '{url.database}' AND wait_event = 'PgSleep'"
            sleeping = f"SELECT count(*) FROM pg_stat_activity WHERE {asleep}"
            async with asyncio.timeout(60):
                while await execute(url, sleeping) != 1:
                    await asyncio.sleep(0.01)
            answer = await serving.client.post("/notes/1")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_busy")
            assert int(answer.headers["retry-after"]) > 0
            health = await serving.client.get("/health")
            assert (health.status_code, health.json()["checks"]["database"]["status"]) == (200, "failing")
            assert (await serving.client.get("/health/ready")).status_code == 503
            assert (await held).status_code == 200
            assert (await serving.client.post("/notes/1")).status_code == 200


class Background(Part):
    """Counts how often its work has begun, and fails the first time."""

    name = "background"

    def __init__(self) -> None:
        """Begin at nothing."""
        self.begun = 0
        self.is_cancelled = False

    async def attend(self, database: Database) -> None:
        """Fail, then go on until the end."""
        del database
        self.begun += 1
        if self.begun == 1:
            message = "a mistake in the background"
            raise RuntimeError(message)
        try:
            await asyncio.Event().wait()
        finally:
            self.is_cancelled = True


async def test_work_in_the_background_begins_anew_after_a_mistake_and_ends_with_the_service(
    database_url: URL, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("booksync_common.startup.LAST_DELAY", 0.01)
    part = Background()
    service = replace(SERVICE, parts=lambda _settings: [part])
    async with serve(service, load(database_url)) as serving:
        await wait_for(lambda: part.begun == 2)
        assert (await serving.client.get("/health/ready")).status_code == 200
    assert part.is_cancelled
    assert said(caplog, "background work of background failed")
