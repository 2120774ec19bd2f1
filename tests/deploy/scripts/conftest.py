"""A server on which BookSync is installed, by install.sh itself, with an engine that is docker.sh."""

import os
from pathlib import Path

import pytest

from booksync_testing.compose import DEPLOY
from booksync_testing.programs import write_program
from booksync_testing.releases import LOCAL, add_first_version, add_image, deploy
from booksync_testing.sandbox import load_tools
from booksync_testing.server import ScriptServer

#: A build has one user, to whom alone files can belong: what would be given to whom is written down.
CHOWN = """\
#!/bin/bash
printf '%s\\n' "$*" >>/engine/owners
"""
#: The database is saved by a test of its own.
BACKUP = """\
#!/bin/bash
[[ ! -e /engine/backup-fails ]] || { echo "backup.sh: the disk is full" >&2; exit 1; }
printf '%s\\n' "$*" "$JWT_SECRET_KEY_FILE" "$CREDENTIALS_KEY_FILE" >/engine/backup
"""


@pytest.fixture
def server(tmp_path: Path) -> ScriptServer:
    """Return a server with nothing on it."""
    server = ScriptServer(
        tools=load_tools(),
        system=Path(os.environ["BOOKSYNC_SYSTEM"]),
        deploy=DEPLOY,
        folder=tmp_path / "booksync",
        engine=tmp_path / "engine",
        stubs=tmp_path / "stubs",
    )
    for folder in (
        server.folder,
        server.stubs,
        *(server.engine / name for name in ("images", "registry", "containers")),
    ):
        folder.mkdir(parents=True)
    write_program(server.stubs / "chown", CHOWN)
    write_program(server.stubs / "docker", Path(__file__).with_name("docker.sh").read_text())
    return server


@pytest.fixture
def installed(server: ScriptServer) -> ScriptServer:
    """Return a server on which BookSync is installed."""
    result = server.run("/source/deploy/scripts/install.sh")
    assert result.code == 0, result.output
    write_program(server.folder / "scripts/backup.sh", BACKUP)
    return server


@pytest.fixture
def first(installed: ScriptServer) -> ScriptServer:
    """Return a server on which the first version runs."""
    add_first_version(installed)
    result = deploy(installed)
    assert result.code == 0, result.output
    return installed


@pytest.fixture
def some(installed: ScriptServer) -> ScriptServer:
    """Return a server that runs, and has the images of, the database and one service alone."""
    for service, letter in (("postgres", "a"), ("auth-api", "b")):
        add_image(installed, "images", LOCAL[service], letter=letter)
    result = deploy(installed, "auth-api")
    assert result.code == 0, result.output
    return installed
