"""Run a server in bubblewrap until ^C, which shuts it down in order."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence

#: What ends the app: ^C, `kill`, a terminal that is closed.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(command: Sequence[str], *, bubblewrap: Sequence[str], stop_signal: signal.Signals) -> int:
    """Run a server until it ends, and return its exit code.

    It is in a process group of its own: bubblewrap would end of ^C at once, and the server with it as by a power
    failure. The first ^C shuts the server down, a second one kills it.

    :param command: bubblewrap's options and the server's words, which become the sandbox's first process
    :param stop_signal: what the server gets for ^C
    """
    read_end, write_end = os.pipe()
    words = [*bubblewrap, "--as-pid-1", "--info-fd", str(write_end), *command]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[write_end], process_group=0)
    os.close(write_end)
    servers: list[int] = []

    def end(*_: object) -> None:
        if not servers:
            process.kill()
        while servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(servers.pop(), stop_signal)

    for number in ENDING:
        signal.signal(number, end)
    with os.fdopen(read_end) as information, contextlib.suppress(ValueError):  # nothing, if there never was a sandbox
        servers.append(json.load(information)["child-pid"])
    return process.wait()
