"""Where the kernel gives a user namespace no ids, both processes of an emulation end, and one says why."""

import ctypes
import os
import select
import signal
import time
from pathlib import Path
from types import SimpleNamespace

from booksync_fetch.emulation import enter_emulation
from booksync_fetch.errors import BootstrapError

LIMIT_S = 30


def be_refused() -> None:
    """Enter an emulation in no new namespace: the ids of the one that is there cannot be set, as root or not."""
    os.geteuid = lambda: 0
    ctypes.CDLL = lambda *_, **__: SimpleNamespace(unshare=lambda _: 0)  # type: ignore[assignment, misc]
    try:
        enter_emulation("aarch64-linux", Path("/qemu"), Path("/mount"))
    except BootstrapError as error:
        os.write(2, f"bootstrap: {error}\n".encode())
        os._exit(1)
    os._exit(0)


def test_ids_that_cannot_be_given_end_both_processes() -> None:
    ours, theirs = os.pipe()
    process = os.fork()  # no Python can be started in a build's sandbox
    if process == 0:
        try:
            os.setsid()
            os.dup2(theirs, 2)
            os.closerange(3, 256)
            be_refused()
        finally:
            os._exit(3)
    os.close(theirs)
    said = b""
    until = time.monotonic() + LIMIT_S
    try:
        # ends when neither process has standard error open
        while select.select([ours], [], [], max(0, until - time.monotonic()))[0] and (part := os.read(ours, 4096)):
            said += part
        is_over = time.monotonic() < until
    finally:
        os.close(ours)
        if time.monotonic() >= until:
            os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert is_over, "a process of it still runs"
    assert os.waitstatus_to_exitcode(status) == 1
    (line,) = said.decode().splitlines()
    assert line.startswith("bootstrap: expected ids for a user namespace")
    assert line.endswith("; install qemu-user-binfmt")
