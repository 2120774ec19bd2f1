"""`down`, `status`, `logs`, `reset`: what is done to a stack from beside it."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Collection, Mapping

from booksync_apps.errors import EXIT_FAILED, AppError
from booksync_apps.roots import Roots
from booksync_apps.state import LOCK, check_ours, hold, read_holder
from booksync_apps.up.folder import Folder
from booksync_apps.up.log import is_coloured, older, read_log, show
from booksync_apps.up.readiness import ask
from booksync_apps.up.services import API_LIMIT_S, DATABASE_LIMIT_S, address_of

POLL_S = 0.1
#: Seconds, beside what the services are given.
GRACE_S = 10.0


def down(folder: Folder) -> int:
    """End the stack, and wait until it has ended.

    :raises AppError: it has not
    """
    holder = read_holder(folder.path)
    if holder is None:
        print("nothing is running")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGTERM)
    until = time.monotonic() + API_LIMIT_S + DATABASE_LIMIT_S + GRACE_S
    while read_holder(folder.path) == holder:
        if time.monotonic() > until:
            raise AppError(f"process {holder.pid} is still running", way_out=f"kill -9 {holder.pid}")
        time.sleep(POLL_S)
    print("ended")
    return 0


def status(folder: Folder) -> int:
    """Say of each service where it is and how it does; return 0 when all are ready."""
    holder = read_holder(folder.path)
    if holder is None:
        print("nothing is running")
        return EXIT_FAILED

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(ask(name, port) for name, port in holder.ports.items()))

    states = asyncio.run(ask_all())
    for (name, port), state in zip(holder.ports.items(), states, strict=True):
        print(f"{name:10}  {state:9}  {address_of(name, port)}")
    return 0 if set(states) == {"ready"} else EXIT_FAILED


def logs(folder: Folder, *, services: Collection[str], follow: bool, environment: Mapping[str, str]) -> int:
    """Show what was said.

    :param services: whose lines are shown; none: everybody's, also the app's own
    :param follow: go on until ^C, or until the stack ends
    :raises AppError: nothing was said
    """
    if not folder.log.exists():
        raise AppError(f"{folder.log}: nothing was said yet", way_out="start the stack: nix run .#up")
    coloured = is_coloured(sys.stdout, environment)
    try:
        for line in read_log(folder.log, is_over=lambda: not follow or read_holder(folder.path) is None):
            show(line, stream=sys.stdout, is_coloured=coloured, names=services)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # nobody reads any more, and Python is not to say so at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def reset(folder: Folder, *, is_sure: bool) -> int:
    """Remove what the stack keeps.

    :param is_sure: nobody is asked
    :raises AppError: it runs, or there is nobody to ask
    """
    if not folder.path.exists():
        print("there is nothing to remove")
        return 0
    check_ours(folder.path)
    with hold(folder.path, ports={}, way_out="end it first: nix run .#up -- down"):
        if not is_sure and not confirm(folder):
            print("nothing is removed")
            return EXIT_FAILED
        roots = Roots(folder.path)
        for tree in (folder.data, roots.roots, roots.layers):
            if tree.exists():
                shutil.rmtree(tree)
        for file in (folder.settings, folder.log, older(folder.log), folder.path / LOCK):
            file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody has put something else there
        folder.path.rmdir()
    print("removed")
    return 0


def confirm(folder: Folder) -> bool:
    """Ask the person at the terminal.

    :raises AppError: there is none
    """
    if not sys.stdin.isatty():
        raise AppError("reset asks before it removes, and there is no terminal", way_out="--yes answers")
    answer = input(f"Delete the database, its passwords, the logs and the unpacked images in {folder.path}? [yes/no] ")
    return answer.strip().lower() == "yes"
