"""`build-all.sh VERSION` pushes every image under that tag, or loads them here, through the flake's own apps."""

from collections.abc import Sequence

import pytest

from booksync_testing.compose import DEPLOY
from booksync_testing.programs import write_program
from booksync_testing.sandbox import Result
from booksync_testing.server import ScriptServer

NIX = """\
#!/bin/bash
printf '%s\\n' "$*" >>/engine/nix
"""
RELEASE = DEPLOY.parent / "nix/images/release.nix"


SCRIPT = ("/source/deploy/scripts/build-all.sh",)


def build(server: ScriptServer, *arguments: str, command: Sequence[str] = SCRIPT, **environment: str) -> Result:
    """Run build-all.sh with a nix that writes down what it is asked."""
    write_program(server.stubs / "nix", NIX)
    binds = [(RELEASE, "/source/nix/images/release.nix")]
    return server.run(*command, *arguments, environment=environment, binds=binds)


def read_calls(server: ScriptServer) -> list[str]:
    """Return what nix was asked."""
    path = server.engine / "nix"
    prefix = "--extra-experimental-features nix-command flakes "
    return [line.removeprefix(prefix) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(("arguments", "tag"), [(["1.0.0"], "1.0.0"), ([], "latest")])
def test_it_pushes_where_a_registry_is_named(server: ScriptServer, arguments: list[str], tag: str) -> None:
    result = build(server, *arguments, REGISTRY="registry.example:5000/family")
    assert result.code == 0, result.output
    assert read_calls(server) == [f"run /source#push -- registry.example:5000/family --tag {tag}"]


def test_it_loads_where_none_is(server: ScriptServer) -> None:
    version = next(word for word in RELEASE.read_text().split('"') if word[0].isdigit())
    for arguments in ([], [version]):
        assert build(server, *arguments).code == 0
    assert read_calls(server) == ["run /source#load"] * 2


def test_it_works_by_the_guides_name(server: ScriptServer) -> None:
    """A checkout has a link scripts, since the guide says ./scripts/build-all.sh."""
    link = "ln -s /source/deploy /source/nix /tmp/ && ln -s deploy/scripts /tmp/scripts && cd /tmp"
    result = build(server, command=("/bin/bash", "-c", f"{link} && ./scripts/build-all.sh"))
    assert result.code == 0, result.output
    assert read_calls(server) == ["run /source#load"]


def test_a_version_that_is_not_this_trees_is_not_loaded_as_such(server: ScriptServer) -> None:
    result = build(server, "9.9.9")
    assert result.code == 1
    assert "to give them another tag, name a REGISTRY" in result.output
    assert read_calls(server) == []


def test_wrong_usage_is_said(server: ScriptServer) -> None:
    for arguments in (["1.0.0", "more"], ["--push"]):
        assert build(server, *arguments).code == 1
    assert read_calls(server) == []


def test_it_is_not_installed(server: ScriptServer) -> None:
    """It is of a checkout: an installation has no flake."""
    assert server.run("/source/deploy/scripts/install.sh").code == 0
    assert not (server.folder / "scripts/build-all.sh").exists()
