"""A machine in the words of nixpkgs' test driver."""

import contextlib
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from booksync_vm.agent import Agent, AgentTimeoutError
from booksync_vm.journal import read_journal
from booksync_vm.lines import LineError
from booksync_vm.packets import read_calls
from booksync_vm.qemu import Model, Qemu

DISK_SIZE = "12G"
#: On an emulated processor that others use too, as every limit here.
BOOT_SECONDS = 600
SHUTDOWN_SECONDS = 600

#: As nixpkgs' driver has it.
DEFAULT_SECONDS = 900

#: A client of the engine takes a second of an emulated processor.
POLL_SECONDS = 2.0


class MachineError(Exception):
    """The machine did not do what it was told, or waited for."""


class Machine:
    """A machine with a disk of its own, which it keeps from one start to the next.

    :param directory: for its disk, its console and its sockets
    """

    def __init__(self, model: Model, directory: Path, *, name: str = "machine") -> None:
        self.name = name
        self.model = model
        self.directory = directory
        self._forwarded: dict[int, int] = {}
        self._recordings: list[Path] = []
        self._qemu: Qemu | None = None
        self._agent: Agent | None = None

    def start(self) -> None:
        """Turn it on, and wait until it takes commands."""
        if self._qemu is not None:
            return
        if not (self.directory / "disk").exists():
            self._make_disk()
        self._recordings.append(self.directory / f"packets-{len(self._recordings)}")
        self._qemu = Qemu(self.model, self.directory, packets=self._recordings[-1])
        for host_port, guest_port in self._forwarded.items():
            self._qemu.forward(host_port, guest_port)
        try:
            self._agent = Agent(self.directory / "agent.socket", timeout=BOOT_SECONDS)
        except LineError as error:
            raise MachineError(f"{self.name} does not start: {error}\n{self.journal()}") from error

    def _make_disk(self) -> None:
        mke2fs = self.model.programs.command("sbin/mke2fs")
        subprocess.run(
            [*mke2fs, "-q", "-t", "ext4", "-m", "0", str(self.directory / "disk"), DISK_SIZE], check=True, env={}
        )

    @property
    def agent(self) -> Agent:
        """What runs commands; nixpkgs' driver, too, starts a machine that is needed."""
        self.start()
        assert self._agent is not None
        return self._agent

    def execute(self, command: str, timeout: int | None = DEFAULT_SECONDS) -> tuple[int, str]:
        """Run a command line, and return its exit status and what it has printed.

        :param timeout: seconds
        :raises MachineError: it took longer
        """
        status, output, _ = self._run(command, timeout)
        return status, output

    def _run(self, command: str, timeout: int | None) -> tuple[int, str, str]:
        try:
            ended = self.agent.run(command, timeout=timeout or DEFAULT_SECONDS)
        except AgentTimeoutError as error:
            raise MachineError(str(error)) from error
        return ended.status, ended.output, ended.errors

    def succeed(self, *commands: str, timeout: int | None = None) -> str:
        """Run command lines that must all succeed, and return what they have printed.

        :raises MachineError: one failed
        """
        printed = ""
        for command in commands:
            status, output, errors = self._run(command, timeout)
            if status != 0:
                raise MachineError(f"status {status} of: {command}\n{output}{errors}")
            printed += output
        return printed

    def fail(self, *commands: str, timeout: int | None = None) -> str:
        """Run command lines that must all fail, and return what they have printed.

        :raises MachineError: one succeeded
        """
        printed = ""
        for command in commands:
            status, output, _ = self._run(command, timeout)
            if status == 0:
                raise MachineError(f"expected it to fail: {command}\n{output}")
            printed += output
        return printed

    def wait_until_succeeds(self, command: str, timeout: int = DEFAULT_SECONDS) -> str:
        """Repeat a command line until it succeeds, and return what it has then printed.

        :raises MachineError: it never did
        """
        return self._repeat(command, timeout, lambda status: status == 0)

    def wait_until_fails(self, command: str, timeout: int = DEFAULT_SECONDS) -> str:
        """Repeat a command line until it fails, and return what it has then printed.

        :raises MachineError: it never did
        """
        return self._repeat(command, timeout, lambda status: status != 0)

    def _repeat(self, command: str, timeout: int, is_good: Callable[[int], bool]) -> str:
        deadline = time.monotonic() + timeout
        last = "it has not ended"
        while (left := deadline - time.monotonic()) > 0:
            try:
                ended = self.agent.run(command, timeout=left)
            except AgentTimeoutError:
                break
            if is_good(ended.status):
                return ended.output
            last = f"status {ended.status}\n{ended.output}{ended.errors}"
            time.sleep(POLL_SECONDS)
        raise MachineError(f"after {timeout} s of {command}: {last}")

    def wait_for_open_port(self, port: int, addr: str = "localhost", timeout: int = DEFAULT_SECONDS) -> None:
        """Wait until somebody listens on a port of the machine."""
        self.wait_until_succeeds(f"exec 3<>/dev/tcp/{addr}/{port}", timeout)

    def copy_from_host(self, source: str, target: str) -> None:
        """Write a file, or a folder's files, into the machine."""
        for path in sorted(Path(source).rglob("*")) if Path(source).is_dir() else [Path(source)]:
            if path.is_dir():
                continue
            place = Path(target) / path.relative_to(source) if path != Path(source) else Path(target)
            self.succeed(f"mkdir -p {shlex.quote(str(place.parent))}")
            self.agent.write(path.read_bytes(), str(place), mode=path.stat().st_mode & 0o777 | 0o200)

    def forward_port(self, host_port: int = 8080, guest_port: int = 80) -> None:
        """Let a port of the builder's loopback lead to one of the machine, also after it starts again."""
        self._forwarded[host_port] = guest_port
        if self._qemu is not None:
            self._qemu.forward(host_port, guest_port)

    def calls(self, guest: str) -> set[str]:
        """Return whom the machine has called of itself since it was made, as packets.py says it.

        :param guest: its address
        """
        return {call for recording in self._recordings for call in read_calls(recording, guest=guest)}

    def crash(self) -> None:
        """Cut the power."""
        self._hang_up()
        if self._qemu is not None:
            self._qemu.cut_power()
            self._qemu = None

    def shutdown(self) -> None:
        """Turn it off in order.

        :raises MachineError: it stays on
        """
        if self._qemu is None:
            return
        # it may be off before the agent has answered
        with contextlib.suppress(LineError):
            self.agent.ask("guest-exec", path="/usr/bin/poweroff")
        try:
            self._qemu.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"{self.name} stays on\n{self.journal()}") from error
        self._hang_up()
        self._qemu = None

    def _hang_up(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    def journal(self) -> str:
        """Return what the machine, its engine and its containers have said last, as far as they can be asked."""
        if self._qemu is None:
            return f"{self.name} is off"
        return read_journal(self.directory, self._agent, self._qemu)
