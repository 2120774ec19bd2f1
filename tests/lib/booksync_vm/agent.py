"""Commands in the guest, by QEMU's guest agent (https://www.qemu.org/docs/master/interop/qemu-ga-ref.html)."""

import base64
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booksync_vm.lines import LineError, Lines

ANSWER_SECONDS = 300
SYNCHRONISE_SECONDS = 2
WRITE_BYTES = 1 << 20

#: How often a command is asked whether it has ended: soon at first, then seldom.
POLLS = (0.05, 0.1, 0.2, 0.5)

ENVIRONMENT = (
    "PATH=/usr/local/bin:/usr/bin:/usr/sbin",
    "HOME=/root",
    "LANG=C.UTF-8",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    :param status: as a shell has it: 128 + signal
    """

    status: int
    output: str
    errors: str


class AgentTimeoutError(Exception):
    """A command is still running."""


class Agent:
    """The agent of a running guest. One caller at a time."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        """Wait until the agent answers.

        :param timeout: seconds
        :raises LineError: it does not
        """
        self._lines = Lines(path)
        self._synchronise(timeout)

    def close(self) -> None:
        """Hang up."""
        self._lines.close()

    def _synchronise(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for number in itertools.count(1):
            # 0xFF ends whatever the agent was reading
            self._lines.send({"execute": "guest-sync-delimited", "arguments": {"id": number}}, prefix=b"\xff")
            try:
                while self._lines.receive(SYNCHRONISE_SECONDS) != {"return": number}:
                    continue
                return
            except LineError:
                if time.monotonic() > deadline:
                    raise

    def ask(self, command: str, **arguments: object) -> Any:
        """Let the agent do something, and return what it says.

        :raises LineError: it says nothing, or that it cannot
        """
        self._lines.send({"execute": command, "arguments": arguments})
        answer = self._lines.receive(ANSWER_SECONDS)
        if "error" in answer:
            raise LineError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def run(self, command: str, *, timeout: float) -> Ended:
        """Run a command line with bash to its end.

        :param timeout: seconds
        :raises AgentTimeoutError: it was stopped, since it took longer
        """
        words = {"path": "/usr/bin/bash", "arg": ["-c", command], "env": list(ENVIRONMENT), "capture-output": True}
        pid = self.ask("guest-exec", **words)["pid"]
        deadline = time.monotonic() + timeout
        for poll in itertools.chain(POLLS, itertools.repeat(POLLS[-1])):
            state = self.ask("guest-exec-status", pid=pid)
            if state["exited"]:
                status = state.get("exitcode", 128 + state.get("signal", 0))
                return Ended(status, decode(state.get("out-data", "")), decode(state.get("err-data", "")))
            if time.monotonic() > deadline:
                self.ask("guest-exec", path="/usr/bin/bash", arg=["-c", f"kill -KILL {pid}"])
                raise AgentTimeoutError(f"still running after {timeout:g} s: {command}")
            time.sleep(poll)
        raise AssertionError

    def write(self, content: bytes, target: str, *, mode: int) -> None:
        """Write a file of the guest."""
        handle = self.ask("guest-file-open", path=target, mode="w")
        for start in range(0, len(content), WRITE_BYTES):
            encoded = base64.b64encode(content[start : start + WRITE_BYTES]).decode()
            self.ask("guest-file-write", **{"handle": handle, "buf-b64": encoded})
        self.ask("guest-file-close", handle=handle)
        self.run(f"chmod {mode:o} '{target}'", timeout=ANSWER_SECONDS)


def decode(output: str) -> str:
    """Return what a command has written as text."""
    return base64.b64decode(output).decode(errors="replace")
