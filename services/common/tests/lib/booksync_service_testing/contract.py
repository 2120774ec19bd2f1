"""What every service ensures, whatever it is for: a class to inherit from, with the service as `service`."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from starlette.routing import Route

from booksync_common.app import create_app
from booksync_common.database import Database
from booksync_common.migrations import Migrations, migrate
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings
from booksync_service_testing import processes
from booksync_service_testing.server import execute, make_database, make_role, render
from booksync_service_testing.serving import serve


class ServiceContract:
    """Tests that each service inherits."""

    service: Service[Any]
    port: int
    tables: frozenset[str]

    def load(self, **values: Any) -> ServiceSettings:
        """Read the settings as the service does."""
        settings: ServiceSettings = self.service.settings.load(**values)
        return settings

    def test_port_is_the_guides(self) -> None:
        assert self.load().port == self.port

    def test_commands_are_those_of_the_command_line(self) -> None:
        assert self.service.commands.keys() == self.service.program.commands.keys()

    def test_no_request_is_matched_twice(self) -> None:
        app = create_app(self.service, self.load())
        assert app.routes
        once = all(isinstance(route, APIRoute) or type(route) is Route for route in app.routes)
        assert once, "FastAPI matches included routers twice"

    async def test_serves_against_a_migrated_database(self, database_url: URL) -> None:
        async with serve(self.service, self.load(database_url=render(database_url))) as serving:
            ready = await serving.client.get("/health/ready")
            assert ready.status_code == 200
            assert ready.json()["service"] == f"booksync-api-{self.service.name}"
            assert {"database", "migrations"} <= ready.json()["checks"].keys()
            assert (await serving.client.get("/docs")).status_code == 200
            described = (await serving.client.get("/openapi.json")).json()
            assert described["info"]["title"] == self.service.title

    async def test_role_with_a_schema_and_nothing_else_is_enough(self) -> None:
        schema = self.service.name
        async with make_database() as url:
            await execute(url, "CREATE EXTENSION vector")
            async with make_role(url, schema=schema) as role, serve(self.service, self.load(database_url=render(role))):
                found = f"SELECT array_agg(tablename)::text[] FROM pg_tables WHERE schemaname = '{schema}'"
                names = await execute(url, found)
                assert isinstance(names, list)
                assert set(names) == {*self.tables, "alembic_version"}
                assert await execute(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0

    async def test_migrations_make_what_the_tables_say(self, database_url: URL) -> None:
        migrations: Migrations = self.service.migrations(self.load())
        database = Database(database_url, application="test", schema=self.service.name)

        def compare(connection: Connection) -> list[object]:
            context = MigrationContext.configure(
                connection,
                opts={
                    "include_schemas": True,
                    "include_name": migrations.revisions.include_name,
                    "version_table_schema": self.service.name,
                    "compare_type": True,
                    "compare_server_default": True,
                },
            )
            return list(compare_metadata(context, self.service.metadata))

        await migrate(database, migrations)
        # not the service's own connection: in its search path the schema is first, and then has no name for Alembic
        engine = create_async_engine(database_url, poolclass=NullPool)
        async with engine.connect() as connection:
            assert await connection.run_sync(compare) == []

    def test_sql_for_those_who_migrate_by_hand(self) -> None:
        result = processes.run(self.service.name, "migrate", "--sql")
        assert result.returncode == 0, result.stderr
        for table in self.tables:
            assert f"CREATE TABLE {self.service.name}.{table} (" in result.stdout

    def test_production_refuses_to_start_without_a_database(self) -> None:
        result = processes.run(self.service.name, ENVIRONMENT="production")
        assert result.returncode == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert "DATABASE_URL" in line
