"""Where `nix run .#up` cannot run, it says in a line why, and what to do; what is not its own it leaves alone."""

import subprocess
from pathlib import Path

import pytest

from booksync_testing.web import free_ports
from registry_app import command_of
from up_app import SERVICES, App, program


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "state", dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)))


def sandboxed(app: App, *options: str) -> App:
    """Return the program as it runs in a sandbox."""
    words = command_of("BOOKSYNC_BWRAP", "bwrap")
    return App(
        app.directory, app.ports, (*words, *options, "--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc", "--")
    )


def test_a_file_system_that_is_read_only(app: App) -> None:
    done = sandboxed(app, "--ro-bind", "/", "/")(*app.up)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"up: {app.directory}: Read-only file system",
        "  name a folder that can be written to: --directory DIRECTORY",
    ]


def test_user_namespaces_that_are_not_allowed(app: App) -> None:
    # --disable-userns: bwrap(1)
    inside = sandboxed(app, "--unshare-user", "--disable-userns", "--bind", "/", "/")
    done = inside(*app.up)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("up: user namespaces cannot be made here: ")
    assert second == "  as root: sysctl -w user.max_user_namespaces=10000"
    assert not app.directory.exists()


def test_a_folder_with_other_files_is_neither_used_nor_removed(app: App) -> None:
    (app.directory / "data").mkdir(parents=True)
    (app.directory / "data/photo").touch()
    for arguments in (app.up, ["reset", "--yes"]):
        done = app(*arguments)
        assert done.returncode == 1
        assert "expected an empty folder or one that this app has made" in done.stderr
    assert (app.directory / "data/photo").exists()


def test_passwords_that_are_gone_are_not_made_anew_beside_a_database(app: App) -> None:
    (app.directory / "data").mkdir(parents=True)
    (app.directory / "booksync.lock").touch()
    done = app(*app.up)
    assert done.returncode == 1
    assert "settings.env is gone, and with it the passwords of the database" in done.stderr
    assert not (app.directory / "settings.env").exists()


def test_settings_in_another_encoding(app: App) -> None:
    app.directory.mkdir()
    (app.directory / "booksync.lock").touch()
    path = app.directory / "settings.env"
    path.write_bytes(b"# of the house\nMANGACOLLEC_CLIENT_ID=caf\xe9\n")
    done = app(*app.up)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"up: {path}, line 2: expected UTF-8, got the byte 0xe9",
        "  save the file again as UTF-8",
    ]


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_an_image_that_cannot_be_unpacked(app: App, options: list[str]) -> None:
    app.directory.mkdir()
    (app.directory / "booksync.lock").touch()
    (app.directory / "layers").touch()  # where a folder has to be
    done = app("up", *app.up, *options)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-2] == f"up: {app.directory}: Not a directory"
    assert "Not a directory" in app.log


def test_a_home_that_is_not_there() -> None:
    done = subprocess.run([program(), "status"], env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "up: HOME is not set")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "auth=many"], "expected one of postgres, auth, data, prediction, =, a port; got 'auth=many'"),
        (["--port", "other=1"], "got 'other=1'"),
        (["--port", "auth=65536"], "got 'auth=65536'"),
        (["--port", "auth=5999", "--port", "data=5999"], "port 5999 cannot be that of auth and of data"),
        (["--unknown"], "unrecognized arguments"),
        (["logs", "other"], "there is no service 'other'"),
    ],
)
def test_wrong_usage(app: App, arguments: list[str], said: str) -> None:
    done = app(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_the_commands(app: App) -> None:
    done = app("--help")
    assert done.returncode == 0
    for word in ("--port", "--directory", "--detach", "down", "status", "logs", "reset", "127.0.0.1 alone"):
        assert word in done.stdout
