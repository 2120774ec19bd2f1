"""The revisions of a schema, and how Alembic runs them: what an env.py does, of which there would be one a service."""

from collections.abc import Mapping
from functools import cached_property
from typing import TextIO

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext, NameFilterParentNames, NameFilterType
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from booksync_common.failures import FatalError
from booksync_common.migrations import VERSION_TABLE


class Revisions:
    """The revisions of a service's schema."""

    def __init__(self, package: str, *, schema: str, metadata: MetaData, options: Mapping[str, object]) -> None:
        """Read the files of `package.migrations`.

        :param options: for the migrations, in op.get_context().opts.
        :raises FatalError: there are none.
        """
        self._schema = schema
        self._metadata = metadata
        self._options = options
        self._config = Config()  # which has no file
        self._config.set_main_option("script_location", f"{package}:migrations")
        self._config.set_main_option("path_separator", "os")
        self._script = ScriptDirectory.from_config(self._config)
        head = self._script.get_current_head()
        if head is None:
            message = f"{package} has no migrations"
            raise FatalError(message)
        #: The newest.
        self.head = head

    @cached_property
    def names(self) -> frozenset[str]:
        """Every one's."""
        return frozenset(script.revision for script in self._script.walk_revisions())

    def include_name(self, name: str | None, kind: NameFilterType, _parents: NameFilterParentNames) -> bool:
        """Tell Alembic which objects are ours."""
        return kind != "schema" or name == self._schema

    def upgrade(self, connection: Connection) -> None:
        """Run what has not run yet."""
        self._run(connection=connection)

    def write_sql(self, output: TextIO) -> None:
        """Write the SQL that makes a schema from nothing, for those who run it by hand."""
        output.write(f"CREATE SCHEMA IF NOT EXISTS {self._schema};\n\n")
        self._run(output=output)

    def _run(self, *, connection: Connection | None = None, output: TextIO | None = None) -> None:
        def steps(revision: tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
            return self._script._upgrade_revs("head", revision)  # type: ignore[arg-type]

        with EnvironmentContext(
            self._config, self._script, fn=steps, as_sql=output is not None, destination_rev="head", **self._options
        ) as environment:
            environment.configure(
                connection=connection,
                dialect_name="postgresql",
                output_buffer=output,
                target_metadata=self._metadata,
                version_table=VERSION_TABLE,
                version_table_schema=self._schema,
                include_schemas=True,
                include_name=self.include_name,
                transaction_per_migration=True,
            )
            with environment.begin_transaction():
                environment.run_migrations()
