"""Each script finds what is beside it, from whatever folder and in whatever environment it is called."""

import pytest

from booksync_testing.compose import DEPLOY
from booksync_testing.programs import write_program
from booksync_testing.server import ScriptServer

INSTALLED = "/srv/booksync"
CHECKOUT = "/source/deploy"
RELEASE = DEPLOY.parent / "nix/images/release.nix"

#: folder, script and its words, exit status, what it says when it has found all
CALLS = [
    (INSTALLED, "deploy.sh", 0, "deploy.sh: in service and healthy"),
    (INSTALLED, "rollback.sh", 1, "/srv/booksync/releases has no release before with other images"),
    (INSTALLED, "start.sh", 0, ""),
    (INSTALLED, "secrets.sh", 0, "0 secrets made in "),
    (INSTALLED, "certificate.sh booksync.home", 0, "nginx/tls/certificate.pem for booksync.home"),
    (INSTALLED, "compose.sh logs auth-api", 0, "the last words of auth-api"),
    (CHECKOUT, "install.sh", 0, "/srv/booksync is laid out"),
    (CHECKOUT, "build-all.sh", 0, "nix run /source#load"),
    (CHECKOUT, "backup.sh --fast", 1, "unknown argument --fast"),
    (CHECKOUT, "restore.sh --fast", 1, "unknown argument --fast"),
]


@pytest.mark.parametrize("way", ["own folder", "CDPATH"])
@pytest.mark.parametrize(("folder", "call", "code", "said"), CALLS, ids=[call.split()[0] for _, call, _, _ in CALLS])
def test_script_finds_what_is_beside_it(
    first: ScriptServer, folder: str, call: str, code: int, said: str, way: str
) -> None:
    """With CDPATH exported, cd may go elsewhere, and writes where it went."""
    write_program(first.stubs / "nix", '#!/bin/bash\necho "nix ${*:3}"\n')
    line = f"cd {folder}/scripts && bash {call}"
    if way == "CDPATH":
        line = (
            f"mkdir -p /tmp/else/scripts; export CDPATH=/tmp/else:{folder}; builtin cd {folder} && bash scripts/{call}"
        )
    result = first.run("bash", "-c", line, binds=[(RELEASE, "/source/nix/images/release.nix")])
    assert result.code == code, result.output
    assert said in result.output
    if call.startswith("compose.sh"):
        asked = (first.engine / "calls").read_text().splitlines()[-1]
        assert asked.startswith(f"compose --project-directory {INSTALLED} --file {INSTALLED}/docker-compose.prod.yml ")
