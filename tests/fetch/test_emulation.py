"""Where the kernel gives a user namespace no ids, both processes of an emulation end, and one says why."""

import os
import signal
import subprocess
import sys

LIMIT_S = 30

#: No new namespace is entered, so that the ids of the one that is there cannot be set, as root or not.
SCRIPT = """
import ctypes, os, sys
from pathlib import Path
from types import SimpleNamespace
from booksync_fetch.emulation import enter_emulation
from booksync_fetch.errors import BootstrapError

os.geteuid = lambda: 0
ctypes.CDLL = lambda *_, **__: SimpleNamespace(unshare=lambda _: 0)
try:
    enter_emulation("aarch64-linux", Path("/qemu"), Path("/mount"))
except BootstrapError as error:
    sys.exit(f"bootstrap: {error}")
"""


def test_ids_that_cannot_be_given_end_both_processes() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            # ends when neither process has standard error open
            _, said = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 1
    (line,) = said.splitlines()
    assert line.startswith("bootstrap: expected ids for a user namespace")
    assert line.endswith("; install qemu-user-binfmt")
