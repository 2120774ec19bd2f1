"""Run another program so that ^C ends it in order: it is asked to stop, and waited for.

``subprocess.run`` kills a program a quarter of a second after ^C, and one that runs in a thread not at all.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from booksync_fetch.progress import Progress

POLL = 0.2  # s between looks at whether a fetch was interrupted


def run_program(
    command: Sequence[str], *, progress: Progress | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as text, with nothing on its standard input.

    :param progress: the fetch that it works for, when it runs in another thread than the main one
    :param options: of :class:`subprocess.Popen`
    :raises CancelledError: the fetch was interrupted
    """
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **options) as process:
        output, errors = wait_for(process, progress)
    if progress:
        progress.ensure_wanted()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def wait_for(process: subprocess.Popen[str], progress: Progress | None) -> tuple[str, str]:
    """Wait until a program ends, and ask it to when it shall not go on; return what it has written."""
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=POLL if progress else None)
            if progress and progress.cancelled.is_set():
                process.terminate()
    except KeyboardInterrupt:
        # from a terminal it has got the same signal already; a second one does no harm
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
