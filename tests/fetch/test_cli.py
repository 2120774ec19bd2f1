"""Whatever ends a run, a person reads one line that says what to do, and the exit status tells."""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_fetch import cli
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
