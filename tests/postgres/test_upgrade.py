"""A database of an earlier image, or of the official one, starts, is brought up to date, and what it lacks is said.

BOOKSYNC_OLD_PGVECTOR is a tree with the files of pgvector 0.8.0, which the official image's users have.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, SOCKET_DIRECTORY, Server, start_postgres
from booksync_testing.sandbox import Bind, Sandbox

EXTENSIONS = "/usr/share/postgresql/17/extension"
LIBRARY = "/usr/lib/postgresql/17/lib/vector.so"
INIT_DB = "/usr/local/share/booksync/init-db.sh"
VERSION = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"


@pytest.fixture(scope="session")
def old_files() -> list[Bind]:
    """Return binds that put pgvector 0.8.0 in the place of the image's own."""
    tree = Path(os.environ["BOOKSYNC_OLD_PGVECTOR"])
    return [Bind(tree / LIBRARY[1:], LIBRARY), Bind(tree / EXTENSIONS[1:], EXTENSIONS)]


@pytest.fixture
def extensions(scratch: Path, sandbox: Sandbox, old_files: list[Bind]) -> list[Bind]:
    """Return old_files, with the image's other extensions still beside them."""
    folder = scratch / "extension"
    folder.mkdir()
    for source in (sandbox.root / EXTENSIONS[1:], old_files[1].source):
        for file in source.iterdir():
            is_own = source == old_files[1].source
            if is_own or not file.name.startswith("vector"):
                (folder / file.name).write_bytes(file.read_bytes())
    return [old_files[0], Bind(folder, EXTENSIONS)]


def test_pgvector_of_an_old_volume_is_updated(sandbox: Sandbox, data: Path, extensions: Sequence[Bind]) -> None:
    with start_postgres(sandbox, data=data, user="booksync", binds=extensions) as old:
        assert old.query(VERSION, database="booksync") == "0.8.0"
        old.query("CREATE DATABASE another")
        old.query("CREATE EXTENSION vector", database="another")
        old.query(
            "CREATE TABLE t AS SELECT i AS id, format('[%s,1,2]', i)::vector(3) AS v FROM generate_series(1, 100) AS i;"
            "CREATE INDEX ON t USING hnsw (v vector_l2_ops)",
            database="booksync",
        )
        assert old.stop() == 0
    with start_postgres(sandbox, data=data, user="booksync") as new:
        for database in ("booksync", "another"):
            assert new.query(VERSION, database=database) not in ("", "0.8.0")
        nearest = "SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> '[50,1,2]' LIMIT 1"
        assert new.query(nearest, database="booksync") == "50"
        assert "was last used with other versions" in new.process.log()
        assert new.stop() == 0
    with start_postgres(sandbox, data=data, user="booksync") as again:
        assert "was last used with other versions" not in again.process.log()


def test_pgvector_of_a_newer_image_goes_on_as_it_is(sandbox: Sandbox, data: Path, extensions: Sequence[Bind]) -> None:
    """As after a rollback: no way leads back to an older pgvector."""
    with start_postgres(sandbox, data=data, user="booksync") as new:
        newer = new.query(VERSION, database="booksync")
        new.query("CREATE TABLE t AS SELECT '[1,2,3]'::vector(3) AS v", database="booksync")
        new.query("CREATE INDEX ON t USING hnsw (v vector_l2_ops)", database="booksync")
        assert new.stop() == 0
    line = "newer than this {}'s 0.8.0, to which no way leads back: it goes on as it is"
    with start_postgres(sandbox, data=data, user="booksync", binds=extensions) as old:
        log = old.process.log()
        assert f"database booksync has pgvector {newer}, {line.format('image')}" in log
        assert "could not be looked through" not in log
        assert old.query("SELECT v <-> '[1,2,4]' FROM t", database="booksync") == "1"
        said = sandbox.run(
            *(INIT_DB, "--dry-run"),
            entrypoint=False,
            environment={"POSTGRES_USER": "booksync", "POSTGRES_PASSWORD": "password", "PGPORT": str(old.port)},
            binds=[Bind(old.sockets, SOCKET_DIRECTORY)],
        )
        assert said.code == 0, said.output
        first, *_, last = said.output.splitlines()
        assert first.startswith(f"pgvector {newer} of this database is {line.format('server')}")
        assert last == "nothing to change"
        assert old.query(VERSION, database="booksync") == newer
        assert old.stop() == 0
    with start_postgres(sandbox, data=data, user="booksync") as again:
        assert "no way leads back" not in again.process.log()
        assert again.query(VERSION, database="booksync") == newer


def as_the_official_image_made_it(server: Server, data: Path, *, locale: str, version: str) -> None:
    """Rewrite a cluster's catalog and settings to what initdb of another image left there."""
    server.query(
        "UPDATE pg_database SET datlocprovider = 'c', datlocale = NULL,"
        f" datcollate = '{locale}', datctype = '{locale}', datcollversion = '{version}'"
    )
    assert server.stop() == 0
    settings = data / "postgresql.conf"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith(("include_if_exists", "lc_"))]
    lines += [f"{name} = '{locale}'" for name in ("lc_messages", "lc_monetary", "lc_numeric", "lc_time")]
    settings.write_text("\n".join([*lines, ""]))
    (data / "booksync-versions").unlink()
    (data / "booksync-memory.conf").unlink()


def test_a_volume_of_the_official_image_starts_and_its_collation_is_named(sandbox: Sandbox, data: Path) -> None:
    with start_postgres(sandbox, data=data, user="booksync") as server:
        as_the_official_image_made_it(server, data, locale="en_US.utf8", version="2.36")
    line = "database booksync sorts text as libc 2.36 did with locale en_US.utf8; this is libc"
    with start_postgres(sandbox, data=data, user="booksync") as first:
        # after PostgreSQL's own warning of the same
        assert first.query("SELECT 'é' < 'z', lower('É')", database="booksync").splitlines()[-1] == "t|é"
        assert line in first.process.log()
        assert first.stop() == 0
    # it is said until it is repaired, with the statements that the line gives
    with start_postgres(sandbox, data=data, user="booksync") as second:
        assert line in second.process.log()
        for database in ("booksync", "postgres", "template1"):
            second.query(f"ALTER DATABASE {database} REFRESH COLLATION VERSION")
        second.query("REINDEX DATABASE booksync", database="booksync")
        assert second.stop() == 0
    with start_postgres(sandbox, data=data, user="booksync") as third:
        assert line not in third.process.log()


def test_a_locale_that_is_not_here_is_explained(sandbox: Sandbox, data: Path) -> None:
    with start_postgres(sandbox, data=data, user="booksync") as server:
        as_the_official_image_made_it(server, data, locale="fr_FR.utf8", version="2.36")
    result = sandbox.run("postgres", binds=[Bind(data, DATA_DIRECTORY, "write")])
    assert result.code == 1
    assert "was made with libc's locale fr_FR.utf8; this image has only: C C.utf8 POSIX en_US.utf8" in result.output
    assert "pg_dump" in result.output


def test_a_superuser_of_another_name_does_not_hinder_the_start(sandbox: Sandbox, data: Path) -> None:
    with start_postgres(sandbox, data=data, user="booksync") as server:
        assert server.stop() == 0
    (data / "booksync-versions").unlink()
    with start_postgres(sandbox, data=data, user="another") as server:
        log = server.process.log()
    assert 'role "another" does not exist' in log
    assert "could not be looked through as POSTGRES_USER=another; they are served as they are" in log


def test_rules_of_who_may_log_in_do_not_hinder_the_update(
    sandbox: Sandbox, data: Path, extensions: Sequence[Bind]
) -> None:
    with start_postgres(sandbox, data=data, user="booksync", binds=extensions) as old:
        assert old.stop() == 0
    (data / "pg_hba.conf").write_text("local all all reject\nhost all all all scram-sha-256\n")
    with start_postgres(sandbox, data=data, user="booksync") as new:
        shown = new.run_psql(VERSION, user="booksync", password=new.password).output
    assert shown.strip() not in ("", "0.8.0")
