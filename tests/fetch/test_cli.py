"""Whatever ends a run, a person reads one line that says what to do, and the exit status tells."""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from booksync_fetch import cli
from booksync_fetch.arguments import parse_arguments
from booksync_fetch.cache import default_folder
from booksync_fetch.errors import BootstrapError

FAILED, INTERRUPTED = 1, 130


@pytest.fixture(autouse=True)
def _keep_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (BootstrapError("x: expected y, got z"), FAILED, "bootstrap: x: expected y, got z"),
        (KeyboardInterrupt(), INTERRUPTED, "bootstrap: interrupted; the same command goes on from here"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/cache/partial/aa"),
            FAILED,
            "bootstrap: /cache/partial/aa: no space left; make room and run the same command again",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            FAILED,
            "bootstrap: /cache: no space left; make room and run the same command again",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "/cache/x"),
            FAILED,
            "bootstrap: /cache/x: no space left; make room and run the same command again",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/src/result"),
            FAILED,
            "bootstrap: /src/result: Read-only file system",
        ),
    ],
)
def test_an_end_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    line: str,
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setenv("BOOKSYNC_CACHE", "/cache")
    monkeypatch.setattr("sys.argv", ["bootstrap", "build"])
    monkeypatch.setattr(cli, "run", fail)
    assert cli.main(Path("/src")) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{line}\n")


def test_an_interrupt_is_heard_again_once_it_can_be_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    def run(*_: object) -> int:
        heard.append(signal.getsignal(signal.SIGINT))
        return 0

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    monkeypatch.setattr("sys.argv", ["bootstrap", "build"])
    monkeypatch.setattr(cli, "run", run)
    assert cli.main(Path("/src")) == 0
    assert heard == [signal.default_int_handler]


def test_a_machine_that_cannot_build_is_told_before_anything_is_asked_of_nix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse() -> str:
        raise BootstrapError("expected Linux on x86_64 or aarch64")

    monkeypatch.setattr(cli, "builder_system", refuse)
    monkeypatch.setattr(cli, "Nix", lambda _: pytest.fail("Nix was asked"))
    with pytest.raises(BootstrapError, match="expected Linux"):
        cli.Bootstrap(tmp_path)


@pytest.mark.parametrize("broken", ["cache", "checkout"])
def test_folders_that_cannot_be_written_to_are_named_before_anything_is_asked_of_nix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOOKSYNC_CACHE", str(tmp_path / ("file" if broken == "cache" else "cache")))
    monkeypatch.setattr("booksync_fetch.project.os.access", lambda *_: broken != "checkout")
    monkeypatch.setattr(cli, "builder_system", lambda: "x86_64-linux")
    monkeypatch.setattr(cli, "Nix", lambda _: pytest.fail("Nix was asked"))
    expected = "BOOKSYNC_CACHE=/path" if broken == "cache" else "a checkout that you can write to"
    with pytest.raises(BootstrapError, match=expected):
        cli.Bootstrap(tmp_path)


def test_a_machine_without_a_home_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("XDG_CACHE_HOME", "BOOKSYNC_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", find_no_home)
    with pytest.raises(
        BootstrapError, match=r"expected a home folder of user \d+, got none; name folders: HOME=FOLDER"
    ):
        default_folder()


def make_bootstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> cli.Bootstrap:
    """Make one whose flake has an image, and whose Nix does nothing."""
    monkeypatch.setenv("BOOKSYNC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cli, "builder_system", lambda: "x86_64-linux")
    monkeypatch.setattr(cli, "Nix", lambda _: SimpleNamespace(list_names=lambda _: ["booksync-api-auth", "images"]))
    return cli.Bootstrap(tmp_path)


def test_what_a_part_of_an_update_changed_is_said_though_the_next_one_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def resolve(name: str) -> list[str]:
        if name == "wheels":
            raise BootstrapError("no network")
        return [f"{name}: one is newer"]

    bootstrap = make_bootstrap(monkeypatch, tmp_path)
    monkeypatch.setattr(cli, "Update", lambda **_: SimpleNamespace(run=resolve))
    with pytest.raises(BootstrapError, match="no network"):
        bootstrap.update("all")
    assert capsys.readouterr().out == "debian: one is newer\n"


@pytest.mark.parametrize("command", ["fetch", "build"])
def test_what_apps_run_images_with_is_fetched_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    asked: list[str] = []
    bootstrap = make_bootstrap(monkeypatch, tmp_path)
    monkeypatch.setattr(bootstrap.nix, "build", lambda *_, **__: [], raising=False)
    monkeypatch.setattr(bootstrap, "fetch", asked.extend)
    monkeypatch.setattr(cli, "Bootstrap", lambda *_, **__: bootstrap)
    assert cli.run(parse_arguments([command, "auth"]), tmp_path) == 0
    packages = "packages.x86_64-linux"
    assert asked == [f"{packages}.booksync-api-auth", f"{packages}.dev-bubblewrap"]


def test_a_builder_of_another_name_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["reproduce", "--builder", "arm64"])
    assert "aarch64-linux" in capsys.readouterr().err
