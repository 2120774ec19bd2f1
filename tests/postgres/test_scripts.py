"""/docker-entrypoint-initdb.d runs once, in name order, and stops the initialisation at its first error."""

import base64
import gzip
import lzma
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from booksync_testing.postgres import DATA_DIRECTORY, start_postgres
from booksync_testing.sandbox import Bind, Sandbox

SCRIPTS = "/docker-entrypoint-initdb.d"
INSERT = "INSERT INTO ran (name) VALUES ('{}');"


@pytest.fixture
def scripts(scratch: Path) -> Path:
    """Return the folder that is mounted as /docker-entrypoint-initdb.d."""
    directory = scratch / "scripts"
    directory.mkdir()
    return directory


def write_scripts(directory: Path, contents: Mapping[str, str | bytes]) -> None:
    for name, content in contents.items():
        (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def compress_zstd(sandbox: Sandbox, text: str) -> bytes:
    """Compress with the image's own zstd: Python 3.12 has none."""
    result = sandbox.run("bash", "-c", f"printf %s {shlex.quote(text)} | zstd | base64 -w0", entrypoint=False)
    return base64.b64decode(result.output)


def test_every_kind_runs_in_name_order_in_the_database_as_the_superuser(
    sandbox: Sandbox, data: Path, scripts: Path
) -> None:
    psql = 'psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c'
    write_scripts(
        scripts,
        {
            "00-table.sql": "CREATE TABLE ran (id int GENERATED ALWAYS AS IDENTITY, name text, who text"
            " DEFAULT current_user, place text DEFAULT current_database());",
            "10-executable.sh": f'#!/bin/bash\nexport LEAKED=yes\n{psql} "{INSERT.format("executable")}"',
            "20-sourced.sh": f'SOURCED=yes\n{psql} "{INSERT.format("sourced ${LEAKED:-no}")}"',
            "30-function.sh": f'docker_process_sql -c "{INSERT.format("function $SOURCED")}"',
            "40.sql": INSERT.format("sql"),
            "50.sql.gz": gzip.compress(INSERT.format("gz").encode()),
            "60.sql.xz": lzma.compress(INSERT.format("xz").encode()),
            "70.sql.zst": compress_zstd(sandbox, INSERT.format("zst")),
            "80-readme.md": "not a script",
            "90 with space.sql": INSERT.format("space"),
        },
    )
    (scripts / "10-executable.sh").chmod(0o755)
    environment = {"POSTGRES_DB": "library"}
    binds = [Bind(scripts, SCRIPTS)]
    with start_postgres(sandbox, data=data, user="boss", environment=environment, binds=binds) as server:
        ran = server.query("SELECT name, who, place FROM ran ORDER BY id", database="library").splitlines()
        log = server.process.log()
        assert server.stop() == 0
    names = ["executable", "sourced no", "function yes", "sql", "gz", "xz", "zst", "space"]
    assert ran == [f"{name}|boss|library" for name in names]
    assert f"ignoring {SCRIPTS}/80-readme.md" in log
    assert f"running {SCRIPTS}/90 with space.sql" in log
    with start_postgres(sandbox, data=data, user="boss", binds=binds) as again:
        assert again.query("SELECT count(*) FROM ran", database="library") == str(len(names))
        assert SCRIPTS not in again.process.log()


def test_a_server_that_scripts_see_is_reached_by_nobody_else(sandbox: Sandbox, scripts: Path) -> None:
    write_scripts(
        scripts, {"look.sql": "CREATE TABLE seen AS SELECT current_setting('listen_addresses') AS addresses;"}
    )
    with start_postgres(sandbox, binds=[Bind(scripts, SCRIPTS)]) as server:
        assert server.query("SELECT addresses = '' FROM seen") == "t"
        assert server.query("SHOW listen_addresses") == "*"


def test_arguments_of_postgres_hold_for_scripts_too(sandbox: Sandbox, scripts: Path) -> None:
    write_scripts(scripts, {"look.sql": "CREATE TABLE seen AS SELECT current_setting('work_mem') AS size;"})
    with start_postgres(sandbox, binds=[Bind(scripts, SCRIPTS)], arguments=("-c", "work_mem=7MB")) as server:
        assert server.query("SELECT size FROM seen") == "7MB"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("20.sql", "SELECT 1; SELECT broken; SELECT 2;"),
        ("20.sh", "false"),
        ("20.sql.gz", b"not gzip"),
        ("20.sql.xz", b"not xz"),
        ("20.sql.zst", b"not zstd"),
        ("20.sql.gz", gzip.compress(b"SELECT broken;")),
    ],
)
def test_the_first_error_ends_it_and_a_later_start_does_not_pretend(
    sandbox: Sandbox, data: Path, scripts: Path, name: str, content: str | bytes
) -> None:
    write_scripts(scripts, {"10.sql": "SELECT 'ran ' || 'before'", name: content, "30.sql": "SELECT 'ran ' || 'after'"})
    binds = [Bind(scripts, SCRIPTS), Bind(data, DATA_DIRECTORY, "write")]
    environment = {"POSTGRES_PASSWORD": "password"}
    first = sandbox.run("postgres", environment=environment, binds=binds, timeout=60)
    assert first.code not in (0, None)
    assert f"{SCRIPTS}/{name} failed; the initialisation stops here" in first.output
    assert "ran before" in first.output
    assert "ran after" not in first.output
    assert not (data / "postmaster.pid").exists()

    (scripts / name).unlink()
    second = sandbox.run("postgres", environment=environment, binds=binds)
    assert second.code == 1
    assert "The first initialisation of /var/lib/postgresql/data did not come to its end" in second.output
    assert "Empty the directory" in second.output


def test_a_failing_executable_script_ends_it(sandbox: Sandbox, scripts: Path) -> None:
    write_scripts(scripts, {"10.sh": "#!/bin/bash\nexit 7\n"})
    (scripts / "10.sh").chmod(0o755)
    environment = {"POSTGRES_PASSWORD": "password"}
    result = sandbox.run("postgres", environment=environment, binds=[Bind(scripts, SCRIPTS)], timeout=60)
    assert result.code == 7
    assert f"{SCRIPTS}/10.sh failed" in result.output
