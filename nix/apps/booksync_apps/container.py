"""An image's entry point on its root, by bubblewrap: read-only, without a capability, ended by the image's signal."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from booksync_apps.image import Image

#: Seconds until a container that still runs is asked to end once more: a first process is deaf until it has said what
#: it listens to (signal(7), pid_namespaces(7)).
RESEND_S = 1.0


@dataclass(frozen=True)
class Words:
    """What bubblewrap is told.

    :param options: with the variables, so for nobody else to see
    :param command: argv in the container
    """

    options: Sequence[str] = ()
    command: Sequence[str] = ()


def build_words(
    image: Image,
    root: Path,
    *,
    variables: Mapping[str, str],
    binds: Mapping[str, Path],
    arguments: Sequence[str] = (),
) -> Words:
    """Return bubblewrap's words that run an image's entry point.

    :param variables: beside the image's own
    :param binds: place in the container -> folder that it may write to
    :param arguments: beside those of the image
    """
    uid, gid = image.user
    options = [
        *("--unshare-user", "--uid", uid, "--gid", gid, "--unshare-pid", "--unshare-ipc"),
        *("--cap-drop", "ALL", "--die-with-parent"),
        *("--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", "/run"),  # noqa: S108 - in the sandbox
        # the host's way to names, where it has one
        *("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"),
        *(word for place, folder in binds.items() for word in ("--bind", str(folder), place)),
        *("--chdir", image.directory, "--clearenv"),
        *(
            word
            for name, value in sorted({**image.environment, **variables}.items())
            for word in ("--setenv", name, value)
        ),
    ]
    return Words(options, [*image.command, *arguments])


class Container:
    """A running container.

    :param first: process id of what was started in it; None when it never was
    """

    def __init__(self, process: asyncio.subprocess.Process, first: int | None, stop_signal: signal.Signals) -> None:
        self.process = process
        self._first = first
        self._stop_signal = stop_signal

    @classmethod
    async def start(
        cls, words: Words, *, bubblewrap: Sequence[str], stop_signal: signal.Signals, output: int | None = None
    ) -> Self:
        """Start a container.

        It is in a session of its own: bubblewrap would end of ^C at once, and the server with it as by a power failure.

        :param output: where both its outputs go; None: where ours do
        """
        read_end, write_end = os.pipe()
        options_end, own_end = os.pipe()
        with os.fdopen(read_end) as information, os.fdopen(own_end, "wb") as options:
            try:
                process = await asyncio.create_subprocess_exec(
                    *bubblewrap,
                    *("--as-pid-1", "--info-fd", str(write_end), "--args", str(options_end), "--"),
                    *words.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output and asyncio.subprocess.STDOUT,
                    pass_fds=[write_end, options_end],
                    start_new_session=True,
                )
            finally:
                os.close(write_end)
                os.close(options_end)
            await asyncio.to_thread(write_options, options, words.options)
            return cls(process, await asyncio.to_thread(read_first, information), stop_signal)

    async def end(self, *, limit: float | None, hurry: asyncio.Event) -> None:
        """Ask the container to end until it has; kill it when time is up.

        :param limit: seconds; None: as long as it takes
        :param hurry: kill it at once when this is set
        """
        loop = asyncio.get_running_loop()
        until = None if limit is None else loop.time() + limit
        ended = asyncio.create_task(self.process.wait())
        hurrying = asyncio.create_task(hurry.wait())
        while not ended.done():
            if hurry.is_set() or (until is not None and loop.time() >= until):
                self.kill()
                await ended
            else:
                self._send(self._stop_signal)
                await asyncio.wait({ended, hurrying}, timeout=RESEND_S, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()

    def kill(self) -> None:
        """End everything in it at once: all goes with the first process, and bubblewrap after it."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        # bubblewrap waits for its first process: while the one is there, the other's id is nobody else's
        with contextlib.suppress(ProcessLookupError):
            if self._first is None:
                self.process.kill()
            elif self.process.returncode is None:
                os.kill(self._first, number)


def write_options(pipe: IO[bytes], options: Sequence[str]) -> None:
    """Tell bubblewrap its options where nobody else reads them (bwrap(1), --args), as everybody may read argv."""
    # it may have ended already
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(b"".join(os.fsencode(option) + b"\0" for option in options))


def read_first(information: IO[str]) -> int | None:
    """Read what bubblewrap says of the sandbox (bwrap(1), --info-fd); None if it never made one."""
    with contextlib.suppress(ValueError):
        pid: int = json.load(information)["child-pid"]
        return pid
    return None
