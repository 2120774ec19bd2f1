"""A program that runs for a fetch ends in order when the fetch is interrupted, and is waited for."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from booksync_fetch.programs import run_program
from booksync_fetch.progress import Progress
from booksync_testing.programs import SHELL

WAIT_LIMIT_S = 10


def shell(script: str) -> list[str]:
    return [*SHELL, "-c", script]


def interrupt_when(path: Path) -> threading.Thread:
    """Send ^C to this process once a program has made a file."""

    def wait() -> None:
        deadline = time.monotonic() + WAIT_LIMIT_S
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_what_a_program_says_is_told_apart() -> None:
    done = run_program(shell("echo out; echo err >&2; exit 3"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_program_has_no_standard_input_to_wait_for() -> None:
    assert run_program(shell("read -r line || echo nothing"), stdout=subprocess.PIPE).stdout == "nothing\n"


def test_a_program_of_a_fetch_says_all_that_it_has_to_say(progress: Progress) -> None:
    done = run_program(shell("echo one; sleep 0.5; echo two"), progress=progress, stdout=subprocess.PIPE)
    assert done.stdout == "one\ntwo\n"


def test_an_interrupted_program_is_waited_for(tmp_path: Path) -> None:
    script = (
        f"trap 'sleep 0.5; echo > {tmp_path}/ended; exit 1' INT; echo > {tmp_path}/begun; while :; do sleep 0.02; done"
    )
    thread = interrupt_when(tmp_path / "begun")
    with pytest.raises(KeyboardInterrupt):
        run_program(shell(script), stdout=subprocess.PIPE)
    thread.join()
    assert (tmp_path / "ended").exists()


def test_a_program_in_a_thread_ends_when_the_fetch_is_interrupted(progress: Progress) -> None:
    threading.Timer(0.1, progress.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        run_program(shell("exec sleep 60"), progress=progress, stdout=subprocess.PIPE)
    assert time.monotonic() - began < WAIT_LIMIT_S
