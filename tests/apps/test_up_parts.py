"""What `nix run .#up` is made of: its settings, its log for people, and the pauses of what dies again and again."""

import asyncio
import errno
import io
import json
import os
import pty
import resource
import signal
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from booksync_apps import state
from booksync_apps.container import Words
from booksync_apps.errors import AppError
from booksync_apps.image import Image
from booksync_apps.namespaces import find_way_out
from booksync_apps.roots import Roots, write_roots
from booksync_apps.up import cli, keeper, log, start
from booksync_apps.up.cli import find_directory
from booksync_apps.up.commands import confirm
from booksync_apps.up.folder import Folder
from booksync_apps.up.keeper import Keeper
from booksync_apps.up.log import Log, is_coloured, older, read_log
from booksync_apps.up.services import Service, plan
from booksync_apps.up.settings import GENERATED, load_settings
from booksync_testing.programs import SHELL
from up_app import START_LIMIT_S

IMAGE = Image(
    digest="sha256:00",
    layers=[],
    user=("999", "999"),
    command=[],
    environment={"PGDATA": "/data"},
    directory="/",
    stop_signal=signal.SIGTERM,
)
SERVICE = Service(name="data", image=IMAGE, port=1, variables={}, binds={}, arguments=[], limit=1)
RECORD = {"time": "2026-11-25T18:39:53.000+00:00", "level": "info", "service": "x", "logger": "y", "message": "it is"}


def shown(*lines: str, is_coloured: bool = False) -> str:
    stream = io.StringIO()
    for line in lines:
        log.show(line, stream=stream, is_coloured=is_coloured)
    return stream.getvalue()


def test_secrets_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    first = load_settings(path, has_data=False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(first.generated) == set(GENERATED)
    assert len(set(first.generated.values())) == len(GENERATED)
    assert all(len(value) == 64 for value in first.generated.values())
    path.chmod(0o644)
    assert load_settings(path, has_data=True) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_settings(tmp_path / "other", has_data=False) != first


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nothing", "line 9: expected NAME=VALUE or a comment"),
        ("1=x", "line 9: expected NAME=VALUE or a comment"),
        ("JWT_SECRET_KEY=", "expected JWT_SECRET_KEY, and it is not there"),
    ],
)
def test_a_line_that_is_no_setting_is_named_without_its_value(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "settings.env"
    secrets = load_settings(path, has_data=False).generated
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(AppError, match=said) as error:
        load_settings(path, has_data=False)
    assert not any(secret in str(error.value) for secret in secrets.values())


def test_each_service_gets_its_own_secrets_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    secrets = load_settings(path, has_data=False).generated
    with path.open("a") as file:
        file.write("MANGACOLLEC_CLIENT_ID=ours\nENVIRONMENT=staging\nHOST=0.0.0.0\n")
    names = ("postgres", "auth", "data", "prediction")
    services = plan(
        dict.fromkeys(names, IMAGE),
        ports=dict(zip(names, range(1, 5), strict=True)),
        settings=load_settings(path, has_data=False),
        data=tmp_path,
    )
    held = {
        service.name: {
            name for name in GENERATED if any(secrets[name] in value for value in service.variables.values())
        }
        for service in services
    }
    assert held == {
        "postgres": {name for name in GENERATED if name.endswith("_PASSWORD")},
        "auth": {"DB_AUTH_PASSWORD", "JWT_SECRET_KEY"},
        "data": {"DB_DATA_PASSWORD", "APP_SECRET_KEY"},
        "prediction": {"DB_PREDICTION_PASSWORD", "APP_SECRET_KEY"},
    }
    for service in services[1:]:
        assert service.variables["MANGACOLLEC_CLIENT_ID"] == "ours"
        # its owner decides what it is, and nobody that others in the house reach it
        assert service.variables["ENVIRONMENT"] == "staging"
        assert service.variables["HOST"] == "127.0.0.1"
    assert "MANGACOLLEC_CLIENT_ID" not in services[0].variables


def test_an_image_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/test").write_text("content")
    blob = tmp_path / "layer"
    with tarfile.open(blob, "w") as archive:
        archive.add(tmp_path / "etc", "etc")
    seen = []

    def sync() -> None:
        folders = (
            path.relative_to(tmp_path) for path in tmp_path.glob("[lr]*/*") if (path / "etc/test").stat().st_size
        )
        seen.append(sorted(map(str, folders)))

    monkeypatch.setattr(os, "sync", sync)
    image = replace(IMAGE, digest="sha256:root", layers=[blob])
    assert write_roots(Roots(tmp_path), image) == tmp_path / "roots/root"
    assert seen == [["layers/partial-layer"], ["layers/layer", "roots/partial-root"]]


def test_records_are_for_people_and_what_is_not_json_is_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "local_time", lambda text: str(text)[11:19])
    record = json.dumps({**RECORD, "rows": 3, "exception": "Traceback:\n  one"})
    assert shown(
        f"auth       | {record}\n", "auth       | {not json\n", 'auth       | ["list"]\n', "up         | a | b\n"
    ) == (
        "auth       | 18:39:53 info it is rows=3\n"
        "auth       |   Traceback:\n"
        "auth       |     one\n"
        "auth       | {not json\n"
        'auth       | ["list"]\n'
        "up         | a | b\n"
    )


def test_no_service_can_move_the_cursor() -> None:
    record = json.dumps({**RECORD, "message": "\x1b[2J"})
    assert "\x1b" not in shown(f"auth       | {record}\n", "auth       | \x1b]0;title\x07\n")


def test_colours_are_for_terminals_that_have_them() -> None:
    assert shown("data       | x\n", is_coloured=True) == "\x1b[32mdata      \x1b[0m | x\n"
    assert shown("data       | x\n") == "data       | x\n"
    master, slave = pty.openpty()
    with os.fdopen(master, "rb"), os.fdopen(slave, "w") as terminal:
        assert is_coloured(terminal, {"TERM": "xterm"})
        assert not is_coloured(terminal, {"TERM": "xterm", "NO_COLOR": "1"})
        assert not is_coloured(terminal, {"TERM": "dumb"})
    assert not is_coloured(io.StringIO(), {"TERM": "xterm"})


def test_the_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LIMIT", 1000)
    path = tmp_path / "stack.log"
    with Log(path, stream=None, is_coloured=False) as kept:
        for number in range(200):
            kept.line("auth", f"line {number}")
    assert path.stat().st_size + older(path).stat().st_size < 2 * 1100
    assert "line 199" in path.read_text()


def test_a_log_is_followed_into_its_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LIMIT", 100)
    path = tmp_path / "stack.log"
    with Log(path, stream=None, is_coloured=False) as kept:
        kept.line("auth", "before")
        looks = iter(range(50))
        lines = read_log(path, is_over=lambda: next(looks, None) is None)
        seen = [next(lines)]
        for number in range(4):
            kept.line("auth", f"{number} {'x' * 30}")
            seen.append(next(lines))
        assert older(path).exists()
    assert [line.split()[2] for line in seen] == ["before", "0", "1", "2", "3"]


def test_a_log_that_is_away_for_a_moment_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "stack.log"
    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: path.replace(older(path)),
            lambda: path.write_text("auth       | after\n"),
            path.unlink,
            lambda: None,
        ]
    )
    path.write_text("auth       | before\n")

    def is_over() -> bool:
        step = next(steps, None)
        if step is not None:
            step()
        return step is None

    assert [line.split()[2] for line in read_log(path, is_over=is_over)] == ["before", "after"]
    assert list(read_log(path, is_over=lambda: True)) == ["auth       | before\n"]


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open no file for the time of the block (RLIMIT_NOFILE, getrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_where_no_new_file_can_be_begun_the_log_goes_on_in_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LIMIT", 100)
    path = tmp_path / "stack.log"
    with Log(path, stream=None, is_coloured=False) as kept:
        with no_descriptors():
            for number in range(8):
                kept.line("auth", f"line {number} {'x' * 30}")
        assert (path.read_text().count("line"), older(path).exists()) == (8, False)
        kept.line("auth", "last of the old one")
        kept.line("auth", "first of the new one")
    assert older(path).read_text().endswith("last of the old one\n")
    assert path.read_text().endswith("first of the new one\n")


@pytest.mark.parametrize("is_folder_gone", [False, True])
def test_a_lock_whose_file_was_removed_keeps_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder_gone: bool
) -> None:
    directory = tmp_path / "state"
    take = state.take

    def reset_before(file: IO[str]) -> bool:
        # what `reset` has done, once another one comes to hold what it has held
        monkeypatch.setattr(state, "take", take)
        (directory / state.LOCK).unlink()
        if is_folder_gone:
            directory.rmdir()
        return take(file)

    monkeypatch.setattr(state, "take", reset_before)
    with state.hold(directory, ports={}, way_out=""):
        holder = state.read_holder(directory)
        assert holder is not None
        assert holder.pid == os.getpid()
        with (
            pytest.raises(AppError, match=f"is in use by process {os.getpid()}"),
            state.hold(directory, ports={}, way_out=""),
        ):
            pass
    with state.hold(directory, ports={}, way_out=""):
        pass


@pytest.mark.parametrize(
    ("arguments", "ports"),
    [
        (["--port", "postgres=5433", "up", "--port", "auth=9000"], {"postgres": 5433, "auth": 9000}),
        (["--port", "postgres=5433", "--port", "auth=9000"], {"postgres": 5433, "auth": 9000}),
        (["up", "--port", "auth=9000"], {"auth": 9000}),
        (["--port", "auth=9000", "up", "--port", "auth=9001"], {"auth": 9001}),
        (["--port", "auth=9000", "up"], {"auth": 9000}),
        ([], {}),
    ],
)
def test_ports_count_before_and_after_the_command(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], ports: dict[str, int]
) -> None:
    seen = []

    def start(*_: object, ports: dict[str, int], **_others: object) -> int:
        seen.append(ports)
        return 0

    monkeypatch.setattr(cli, "load_stack", lambda _: {})
    monkeypatch.setattr(cli, "start", start)
    assert cli.run(arguments, environment={"HOME": "/home/lea", "BOOKSYNC_BUBBLEWRAP": "bwrap"}) == 0
    assert seen == [ports]


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        """Fail."""
        raise OSError(errno.EIO, text)


def test_neither_a_full_disk_nor_a_terminal_that_is_gone_ends_who_writes_the_log(tmp_path: Path) -> None:
    shown = io.StringIO()
    with Log(Path("/dev/full"), stream=shown, is_coloured=False) as full:
        full.line("auth", "kept nowhere")
    assert "kept nowhere" in shown.getvalue()
    with Log(tmp_path / "log", stream=Gone(), is_coloured=False) as unseen:
        for number in range(2):
            unseen.line("auth", f"line {number}")
    assert (tmp_path / "log").read_text().count("line") == 2


async def test_what_dies_again_and_again_waits_longer_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(keeper, "LONGEST_PAUSE_S", 0.04)
    path = tmp_path / "log"
    with Log(path, stream=None, is_coloured=False) as kept:
        # in bubblewrap's place: it says something and fails
        dying = Keeper(SERVICE, bubblewrap=[*SHELL, "-c", "echo wrong; exit 3", "-"], log=kept)
        dying.begin(Words())
        async with asyncio.timeout(START_LIMIT_S):
            while path.read_text().count("started again") < 4:
                await asyncio.sleep(0.01)
        await dying.end(asyncio.Event())
    lines = path.read_text().splitlines()
    assert lines[:2] == ["data       | wrong", "up         | data ended with status 3; it is started again in 0.01 s"]
    assert [line.split()[-2] for line in lines if "started again" in line][:4] == ["0.01", "0.02", "0.04", "0.04"]


async def test_lines_are_whole_but_for_those_without_end() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"one\ntwo \xff\n" + b"7" * 200_000 + b"\nlast")
    stream.feed_eof()
    first, second, *parts, last = [line async for line in keeper.read_lines(stream)]
    assert (first, second, last) == ("one", "two \N{REPLACEMENT CHARACTER}", "last")
    assert "".join(parts) == "7" * 200_000
    assert max(map(len, parts)) < 2 * keeper.LONGEST_LINE


@pytest.mark.parametrize(
    ("names", "shown"), [([], ["data", "up"]), (["data"], ["data"]), (["auth"], []), (["auth", "data"], ["data"])]
)
def test_logs_are_everybodys_unless_somebody_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], shown: list[str]
) -> None:
    Folder(tmp_path).log.write_text("data       | wrong\nup         | data ended with status 3\n")
    assert cli.run(["--directory", str(tmp_path), "logs", *names], environment={}) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == shown


def test_on_its_own_it_shows_what_is_said_until_all_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Stack:
        def __init__(self, *_: object, log: Log, on_ready: Callable[[], None], **_others: object) -> None:
            self.log = log
            self.on_ready = on_ready

        async def run(self) -> None:
            self.log.say("before")
            self.on_ready()
            self.log.say("after")

    monkeypatch.setattr(start, "Stack", Stack)
    monkeypatch.setattr(start, "check_namespaces", lambda _: None)
    monkeypatch.setattr(start, "plan", lambda *_, **_others: [])
    # the descriptor itself, which pytest's own stream is beside
    monkeypatch.setattr("sys.stderr", open(2, "w", closefd=False))  # noqa: SIM115
    folder = Folder(tmp_path)
    assert start.start(folder, {}, ports={}, bubblewrap=[], detach=True, environment={}) == 0
    assert "after" in folder.log.read_text()
    assert capfd.readouterr().err == "up         | before\n"


def test_the_folder_is_where_state_belongs() -> None:
    assert find_directory({"HOME": "/home/lea"}) == Path("/home/lea/.local/state/booksync")
    assert find_directory({"HOME": "/home/lea", "XDG_STATE_HOME": "/state"}) == Path("/state/booksync")
    assert find_directory({"HOME": "/home/lea", "XDG_STATE_HOME": "relative"}) == Path(
        "/home/lea/.local/state/booksync"
    )


@pytest.mark.parametrize(("answer", "is_sure"), [("yes\n", True), ("y\n", False), ("no\n", False), ("\n", False)])
def test_only_yes_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_sure: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert confirm(Folder(tmp_path)) is is_sure


@pytest.mark.parametrize(
    ("switch", "value", "said"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("kernel/unprivileged_userns_clone", "1", "seccomp=unconfined"),
    ],
)
def test_what_forbids_namespaces_is_named(tmp_path: Path, switch: str, value: str, said: str) -> None:
    path = tmp_path / "sys" / switch
    path.parent.mkdir(parents=True)
    path.write_text(f"{value}\n")
    assert said in find_way_out("Permission denied", proc=tmp_path)
