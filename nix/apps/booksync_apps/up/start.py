"""`up`: look whether it can be done, then run the stack, here or on its own."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from booksync_apps.ending import run_to_end
from booksync_apps.errors import AppError, UsageError
from booksync_apps.image import Image
from booksync_apps.namespaces import check_namespaces
from booksync_apps.roots import Roots
from booksync_apps.state import cannot_write, check_ours, hold, read_holder
from booksync_apps.up.folder import Folder
from booksync_apps.up.log import Log, is_coloured
from booksync_apps.up.readiness import ask
from booksync_apps.up.services import LOOPBACK, address_of, plan
from booksync_apps.up.settings import load_settings
from booksync_apps.up.stack import Stack

POLL_S = 0.1


def start(
    folder: Folder,
    images: Mapping[str, Image],
    *,
    ports: Mapping[str, int],
    bubblewrap: Sequence[str],
    detach: bool,
    environment: Mapping[str, str],
) -> int:
    """Run the stack until ^C, or let it run; return the exit code.

    :raises AppError: something is in the way
    """
    run = partial(run_stack, folder, images, ports=ports, bubblewrap=bubblewrap, detach=detach, environment=environment)
    return run_detached(run, folder=folder, ports=ports) if detach else run()


def run_stack(
    folder: Folder,
    images: Mapping[str, Image],
    *,
    ports: Mapping[str, int],
    bubblewrap: Sequence[str],
    detach: bool,
    environment: Mapping[str, str],
) -> int:
    """Run the stack until it is ended.

    :param detach: let go of the terminal when all are ready; until then the person there sees what is in the way
    :raises AppError: something is in the way
    """
    check_ours(folder.path)
    check_namespaces(bubblewrap)
    way_out = "nix run .#up -- status says where it is, down ends it; or name another --directory"
    with hold(folder.path, ports=ports, way_out=way_out):
        check_ports(ports)
        try:
            discard_half_made(folder)
            has_data = folder.data.exists()
            settings = load_settings(folder.settings, has_data=has_data)
            folder.data.mkdir(mode=0o700, exist_ok=True)
            with Log(folder.log, stream=sys.stderr, is_coloured=is_coloured(sys.stderr, environment)) as log:
                stack = Stack(
                    plan(images, ports=ports, settings=settings, data=folder.data),
                    roots=Roots(folder.path),
                    bubblewrap=bubblewrap,
                    log=log,
                    on_ready=leave_terminal if detach else lambda: announce(folder, ports),
                )
                asyncio.run(stack.run())
        except OSError as error:
            raise cannot_write(folder.path, error) from error
    return 0


def check_ports(ports: Mapping[str, int]) -> None:
    """Make sure that all ports are free.

    :raises AppError: one is not
    """
    for name, port in ports.items():
        others = [other for other in ports if other != name and ports[other] == port]
        if others:
            raise UsageError(f"port {port} cannot be that of {name} and of {others[0]}")
        with socket.socket() as probe:
            # as servers do: what a connection of before has left behind is in nobody's way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                taken = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
                raise AppError(
                    f"port {port} of {LOOPBACK}, for {name}, {taken}",
                    way_out=f"end what has it, or use another one: --port {name}=PORT",
                ) from error


def discard_half_made(folder: Folder) -> None:
    """Remove a database whose first start was cut short and that has served nobody (the image's data-directory.sh)."""
    if (folder.data / "booksync-initialising").exists():
        shutil.rmtree(folder.data)


def announce(folder: Folder, ports: Mapping[str, int]) -> None:
    """Say where everything is."""
    lines = [f"  {name:10}  {address_of(name, port)}" for name, port in ports.items()]
    print("BookSync is ready:", *lines, f"  secrets     {folder.settings}", sep="\n", flush=True)


def leave_terminal() -> None:
    """Let go of the terminal, and of pipes that somebody reads: nothing more is said there."""
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - no path of ours
        for descriptor in (0, 1, 2):
            os.dup2(nothing.fileno(), descriptor)


def run_detached(run: Callable[[], int], *, folder: Folder, ports: Mapping[str, int]) -> int:
    """Run the stack in a process of its own, and come back when all are ready, or it has said why not.

    :raises AppError: it was killed before
    """
    pid = os.fork()
    if pid == 0:
        os.setsid()
        code = run_to_end("up", run, interrupted="")
        sys.stderr.flush()
        os._exit(code)
    try:
        while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
            holder = read_holder(folder.path)
            if holder and holder.pid == pid and asyncio.run(are_ready(ports)):
                announce(folder, ports)
                return 0
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        raise
    code = os.waitstatus_to_exitcode(ended[1])
    if code < 0:
        raise AppError(
            "it was killed before it was ready", way_out="nix run .#up -- logs tells what was said until then"
        )
    return code


async def are_ready(ports: Mapping[str, int]) -> bool:
    """Ask all services."""
    return set(await asyncio.gather(*(ask(name, port) for name, port in ports.items()))) == {"ready"}
