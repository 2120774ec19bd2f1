"""`nix run .#up` runs the whole stack: three APIs that work together, what dies comes back, ^C ends it in order."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from booksync_testing.waiting import wait_until
from booksync_testing.web import LOOPBACK, free_ports
from process_tree import list_left
from up_app import END_LIMIT_S, SERVICES, START_LIMIT_S, App, Running

LEA = {"username": "Léa", "password": "correct horse battery"}
VOLUME = "/api/v1/volume-extra/5f0b3a9e-53e8-4f5c-9a61-0a53bb1a6f3d"
#: Another life of the stack must find these as they were.
KEPT = ("settings.env", "data/PG_VERSION")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """One folder for all tests: images are unpacked once."""
    directory = tmp_path_factory.mktemp("up") / "state"
    return App(directory, dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)))


def address(app: App, service: str, path: str) -> str:
    return f"http://{LOOPBACK}:{app.ports[service]}{path}"


def sign_in(app: App) -> dict[str, str]:
    """Make the first profile, unless it is there; return the header of its token."""
    httpx.post(address(app, "auth", "/users"), json={**LEA, "certify_adult": True}, timeout=60)
    answer = httpx.post(address(app, "auth", "/api/v1/auth/login"), json=LEA, timeout=60)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def setting(app: App, name: str) -> str:
    match = re.search(rf"^{name}=(.*)$", (app.directory / "settings.env").read_text(), re.MULTILINE)
    assert match
    return match[1]


def find(running: Running, words: str) -> int:
    """Return the innermost process whose command line has these words and does not begin with a loader's."""
    (pid, *_) = [pid for pid, line in running.first_processes().items() if words in line and "--info-fd" not in line]
    return pid


def wait_until_said(running: Running, words: str) -> None:
    """Wait until the program has said something on standard error."""
    wait_until(
        lambda: words in running.errors,
        what=lambda: f"{words!r} is said, got:\n{running.errors}",
        seconds=START_LIMIT_S,
    )


def test_three_apis_work_together_and_it_says_where_they_are(app: App) -> None:
    with app.begin() as running:
        said = "".join(running.wait_until_ready())
        for service in ("auth", "data", "prediction"):
            docs = address(app, service, "/docs")
            assert docs in said
            assert httpx.get(docs, timeout=60).status_code == 200
        assert f"postgresql://booksync@{LOOPBACK}:{app.ports['postgres']}/booksync" in said
        settings = (app.directory / "settings.env").read_text()
        assert str(app.directory / "settings.env") in said
        # anybody may read the words of a process
        words = " ".join(running.first_processes().values())
        secrets = [line.partition("=")[2] for line in settings.splitlines() if re.match("[A-Z_]+=", line)]
        assert len(secrets) > len(SERVICES)
        assert not [secret for secret in secrets if secret in words]
        token = sign_in(app)
        # the Data API asks the Auth API who that is, and takes the key that was made for machines
        key = {"X-API-Key": setting(app, "APP_SECRET_KEY")}
        assert httpx.put(address(app, "data", VOLUME), json={"weight": "350"}, headers=key, timeout=60).is_success
        assert httpx.get(address(app, "data", VOLUME), headers=token, timeout=60).json()["weight"] == "350"
        assert httpx.get(address(app, "data", VOLUME), timeout=60).status_code == 401
        model = httpx.get(address(app, "prediction", "/api/v1/models/current"), headers=token, timeout=60).json()
        assert model["backend"] == "onnx"
        assert running.end() == 0


def test_what_is_kept_outlives_it_and_nothing_is_made_twice(app: App) -> None:
    before = [(app.directory / name).read_bytes() for name in KEPT]
    roots = {path: path.stat().st_ctime_ns for path in (app.directory / "roots").iterdir()}
    assert len(roots) == len(SERVICES)
    with (app.directory / "settings.env").open("a") as file:
        file.write("# for the APIs\nJWT_EXPIRE_MINUTES=15\n")
    with app.begin() as running:
        running.wait_until_ready()
        answer = httpx.post(address(app, "auth", "/api/v1/auth/login"), json=LEA, timeout=60)
        assert answer.status_code == 200, answer.text
        assert 0 < answer.json()["expires_in"] <= 900
        assert "unpacking" not in running.errors
        assert running.end() == 0
    assert (app.directory / "settings.env").read_bytes().startswith(before[0])
    assert {path: path.stat().st_ctime_ns for path in (app.directory / "roots").iterdir()} == roots


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_in_order(app: App, number: signal.Signals) -> None:
    with app.begin() as running:
        running.wait_until_ready()
        processes = running.first_processes()
        assert len(processes) > len(SERVICES)
        assert running.end(number) == 0
    said = running.errors
    # the last API has gone before the database is told to
    assert said.rindex("Finished server process") < said.rindex("received fast shutdown request")
    assert said.rindex("received fast shutdown request") < said.rindex("database system is shut down")
    assert said.count("Finished server process") == 3
    assert not list_left(processes)


def test_a_second_interrupt_kills_it_and_leaves_nothing_behind(app: App) -> None:
    with app.begin() as running:
        running.wait_until_ready()
        processes = running.first_processes()
        os.kill(find(running, "booksync-api-data"), signal.SIGSTOP)  # it does not end by itself now
        os.killpg(running.process.pid, signal.SIGINT)
        wait_until_said(running, "ending, in order")
        begun = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - begun < 10
    wait_until(
        lambda: not list_left(processes), what=lambda: f"nothing is left, got {list_left(processes)}", seconds=10
    )


def test_a_service_that_dies_is_started_again(app: App) -> None:
    with app.begin() as running:
        running.wait_until_ready()
        for service, words in (("data", "booksync-api-data"), ("postgres", "postgres -c port")):
            os.kill(find(running, words), signal.SIGKILL)
            wait_until_said(running, f"{service} was killed by signal 9; it is started again in 1 s")
        wait_until(
            lambda: app("status").returncode == 0,
            what=lambda: f"status says that all of it is ready:\n{running.errors}",
            seconds=START_LIMIT_S,
        )
        assert httpx.get(address(app, "data", VOLUME), headers=sign_in(app), timeout=60).is_success
        assert running.end() == 0


def test_a_first_start_that_was_cut_short_is_begun_anew(tmp_path: Path, app: App) -> None:
    other = App(tmp_path / "state", app.ports)
    with other.begin() as running:
        wait_until(
            (other.directory / "data/booksync-initialising").exists,
            what=lambda: f"the database is being made:\n{running.errors}",
            seconds=START_LIMIT_S,
        )
        assert running.end() == 0
    with other.begin() as running:
        running.wait_until_ready()
        assert running.end() == 0


def test_on_its_own_it_is_seen_followed_and_ended(app: App) -> None:
    assert app("status").stdout == "nothing is running\n"
    done = app("up", "--detach", *app.up)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "BookSync is ready:"), done.stderr
    assert "postgres is ready after" in done.stderr
    seen = app("status")
    assert seen.returncode == 0
    assert re.findall(r"^(\w+) +(\w+) +\S+:(\d+)/", seen.stdout, re.MULTILINE) == [
        (name, "ready", str(port)) for name, port in app.ports.items()
    ]
    second = app(*app.up)
    assert second.returncode == 1
    assert re.fullmatch(r"up: \S+ is in use by process \d+\n  nix run .#up -- status says .*\n", second.stderr)
    refused = app("reset", "--yes")
    assert (refused.returncode, "end it first: nix run .#up -- down" in refused.stderr) == (1, True)
    with subprocess.Popen(
        app.words("logs", "-f", "auth"), stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
    ) as follower:
        try:
            assert app("down").stdout == "ended\n"
            output, errors = follower.communicate(timeout=START_LIMIT_S)
        finally:
            follower.kill()
    assert (follower.returncode, errors) == (0, "")
    assert {line.split(" | ")[0].strip() for line in output.splitlines()} == {"auth"}
    assert output.rstrip().splitlines()[-1].endswith("Finished server process [1]")
    assert app("down").stdout == "nothing is running\n"


def test_on_its_own_it_says_why_it_is_not_ready_yet(app: App, tmp_path: Path) -> None:
    settings = app.directory / "settings.env"
    before = settings.read_text()
    settings.write_text(f"{before}JWT_EXPIRE_MINUTES=never\n")
    said = tmp_path / "said"
    try:
        with (
            said.open("w") as stream,
            subprocess.Popen(app.words("up", "--detach", *app.up), stdin=subprocess.DEVNULL, stderr=stream) as process,
        ):
            try:
                wait_until(
                    lambda: "auth ended with status" in said.read_text(),
                    what=lambda: f"it is said that auth ends, got:\n{said.read_text()}",
                    seconds=START_LIMIT_S,
                )
                assert "JWT_EXPIRE_MINUTES" in said.read_text()
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(END_LIMIT_S) == 130
    finally:
        settings.write_text(before)
    assert app("status").stdout == "nothing is running\n"


def test_a_port_that_is_taken_is_one_line(app: App) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may still be there
        other.bind((LOOPBACK, app.ports["data"]))
        other.listen()
        done = app(*app.up)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"up: port {app.ports['data']} of {LOOPBACK}, for data, is taken",
        "  end what has it, or use another one: --port data=PORT",
    ]


def test_removing_asks_first_and_takes_all(app: App) -> None:
    refused = app("reset")
    assert (refused.returncode, "--yes answers" in refused.stderr) == (1, True)
    assert (app.directory / "data/PG_VERSION").exists()
    done = app("reset", "--yes")
    assert (done.returncode, done.stdout) == (0, "removed\n"), done.stderr
    assert not app.directory.exists()
    assert app("reset", "--yes").stdout == "there is nothing to remove\n"
