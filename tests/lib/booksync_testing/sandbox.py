"""Run commands in an image's root the way a careful operator would: read-only, unprivileged, no capability.

Container runtimes need root, cgroups and a network; a build sandbox has none of them. bubblewrap needs only user
namespaces. The other architecture's programs run through binfmt_misc, which since Linux 6.7 can be mounted inside a
user namespace: every start makes such a namespace, registers a static QEMU there (flag F: opened at once, so that it
need not be in the image's root), and enters the image from it. chroot would be simpler, but processes in a chroot may
not make user namespaces.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from booksync_testing.layout import Image

# how much longer than native anything may take under emulation
EMULATION_FACTOR = 20

START_SECONDS = 20


@dataclass(frozen=True)
class Machine:
    """What an architecture is called by the kernel and by QEMU."""

    kernel: str  # uname -m, and QEMU's name
    loader: str
    elf_machine: str  # e_machine, little-endian, escaped as binfmt_misc reads it
    mask_data: str  # mask of e_ident[EI_CLASS..EI_OSABI]; QEMU's own tables


MACHINES: dict[str, Machine] = {
    "amd64": Machine(
        kernel="x86_64",
        loader="ld-linux-x86-64.so.2",
        elf_machine=r"\x3e\x00",
        mask_data=r"\xff\xff\xff\xff\xff\xfe\xfe\xfc",
    ),
    "arm64": Machine(
        kernel="aarch64",
        loader="ld-linux-aarch64.so.1",
        elf_machine=r"\xb7\x00",
        mask_data=r"\xff\xff\xff\xff\xff\xff\xff\x00",
    ),
}

# mounts binfmt_misc at $1, registers $2 there and becomes the rest; the kernel itself undoes \x escapes
REGISTER_SCRIPT = """\
busybox=$1 place=$2 format=$3; shift 3
$busybox mount -t binfmt_misc binfmt_misc "$place" || {
  echo "binfmt_misc cannot be mounted in a user namespace here; running another architecture needs Linux 6.7" >&2
  exit 125
}
printf %s "$format" > "$place/register" || exit 125
exec "$@"
"""


def builder_architecture() -> str:
    """Say which architecture runs here natively."""
    kernel = os.uname().machine
    return next(architecture for architecture, machine in MACHINES.items() if machine.kernel == kernel)


@dataclass(frozen=True)
class Tools:
    """Debian's bubblewrap and static QEMU, run through their own loader so that nothing of the host is needed."""

    directory: Path
    busybox: Path

    def command(self, program: str) -> list[str]:
        """Return the words that start one of the tools."""
        machine = MACHINES[builder_architecture()]
        libraries = self.directory / "usr/lib" / f"{machine.kernel}-linux-gnu"
        return [
            str(libraries / machine.loader),
            "--library-path",
            str(libraries),
            str(self.directory / "usr/bin" / program),
        ]

    def namespace_command(self, architecture: str, *, mount_point: Path) -> list[str]:
        """Return the words before a command that let it run an architecture's programs.

        :param mount_point: an empty directory, for binfmt_misc inside the namespace.
        """
        busybox = str(self.busybox)
        unshare = [busybox, "unshare", "-U", "-r", "-m"]
        if architecture == builder_architecture():
            return unshare
        machine = MACHINES[architecture]
        magic = rf"\x7fELF\x02\x01\x01{r'\x00' * 9}\x02\x00{machine.elf_machine}"
        mask = rf"{machine.mask_data}{r'\xff' * 8}\xfe\xff\xff\xff"
        interpreter = self.directory / f"usr/bin/qemu-{machine.kernel}"
        # F: open the interpreter now; P: keep argv[0], which busybox and bash go by
        registration = f":booksync:M::{magic}:{mask}:{interpreter}:FP"
        script = [busybox, "sh", "-c", REGISTER_SCRIPT, "register", busybox, str(mount_point), registration]
        return [*unshare, *script]


def load_tools(environment: Mapping[str, str] = os.environ) -> Tools:
    """Find the tools that BOOKSYNC_TEST_TOOLS and BOOKSYNC_BUSYBOX name."""
    return Tools(directory=Path(environment["BOOKSYNC_TEST_TOOLS"]), busybox=Path(environment["BOOKSYNC_BUSYBOX"]))


@dataclass(frozen=True)
class Bind:
    """A directory or file of the host shown in the sandbox."""

    source: Path
    target: str
    access: Literal["read", "write"] = "read"


@dataclass(frozen=True)
class Tmpfs:
    """An empty file system of a limited size, everybody's to write to."""

    target: str
    size: int  # bytes


Mount = Bind | Tmpfs


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int  # as a shell has it: 128 + signal
    output: str  # stdout and stderr together, as a container's log has them


@dataclass(frozen=True)
class Sandbox:
    """An image's root and how the image wants to be run."""

    tools: Tools
    image: Image
    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    binds: Sequence[Mount] = ()
    user: tuple[int, int] | None = None  # uid and gid instead of the config's, as `--user`

    @property
    def is_emulated(self) -> bool:
        """Whether the image's programs run under QEMU here."""
        return self.image.architecture != builder_architecture()

    @property
    def healthcheck(self) -> list[str]:
        """The config's Healthcheck, as the words that a container runtime runs beside the container."""
        kind, *words = self.image.runtime["Healthcheck"]["Test"]
        return ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words

    def seconds(self, native: float) -> float:
        """Scale a time limit to the speed of the image's architecture here."""
        return native * EMULATION_FACTOR if self.is_emulated else native

    def start(
        self,
        *arguments: str,
        entrypoint: bool = True,
        environment: Mapping[str, str] | None = None,
        binds: Sequence[Mount] = (),
        directory: str | None = None,
    ) -> "Process":
        """Start a command as `docker run IMAGE ARGUMENTS` would, or as `docker exec` without the entry point.

        :param environment: beside the config's and the sandbox's own.
        :param directory: instead of the config's WorkingDir.
        """
        command = [*self.image.runtime.get("Entrypoint", [])] if entrypoint else []
        command += arguments or (self.image.runtime.get("Cmd") or [] if entrypoint else [])
        variables = {"HOME": "/", **self.image.environment, **self.environment, **(environment or {})}
        options = self._options(
            binds=[*self.binds, *binds],
            variables=variables,
            directory=directory or self.image.runtime.get("WorkingDir") or "/",
        )
        return Process(self, options=options, command=command)

    def run(
        self,
        *arguments: str,
        entrypoint: bool = True,
        environment: Mapping[str, str] | None = None,
        binds: Sequence[Mount] = (),
        directory: str | None = None,
        timeout: float = 30,
    ) -> Result:
        """Run a command to its end.

        :param timeout: seconds on a native processor.
        :raises SandboxError: it took longer.
        """
        with self.start(
            *arguments, entrypoint=entrypoint, environment=environment, binds=binds, directory=directory
        ) as process:
            code = process.wait(timeout)
            return Result(code=code, output=process.log())

    def _options(self, *, binds: Sequence[Mount], variables: Mapping[str, str], directory: str) -> list[str]:
        uid, gid = self.user or self.image.user
        options = ["--unshare-user", "--uid", str(uid), "--gid", str(gid)]
        options += ["--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        options += ["--hostname", "booksync", "--cap-drop", "ALL", "--new-session", "--die-with-parent"]
        options += ["--ro-bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc"]
        for place in ("/tmp", "/run"):  # noqa: S108 - inside the sandbox
            options += ["--perms", "1777", "--tmpfs", place]
        bound = {bind.target for bind in binds}
        for volume in sorted(self.image.runtime.get("Volumes") or {}):
            if volume not in bound:
                options += ["--perms", "0700", "--tmpfs", volume]
        for bind in binds:
            if isinstance(bind, Tmpfs):
                options += ["--perms", "1777", "--size", str(bind.size), "--tmpfs", bind.target]
            else:
                options += ["--bind" if bind.access == "write" else "--ro-bind", str(bind.source), bind.target]
        options += ["--clearenv", "--chdir", directory]
        for name, value in sorted(variables.items()):
            options += ["--setenv", name, value]
        return options


class SandboxError(Exception):
    """A process in a sandbox did not do what it was waited for."""


class Process:
    """A running sandbox. Leaving its context kills whatever still runs in it."""

    def __init__(self, sandbox: Sandbox, *, options: Sequence[str], command: Sequence[str]) -> None:
        self._sandbox = sandbox
        self._command = command
        self._scratch = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self._log = self._scratch / "log"
        mount_point = self._scratch / "binfmt"
        mount_point.mkdir()
        prefix = sandbox.tools.namespace_command(sandbox.image.architecture, mount_point=mount_point)
        read_end, write_end = os.pipe()
        words = [*prefix, *sandbox.tools.command("bwrap"), "--info-fd", str(write_end), *options, "--", *command]
        try:
            with self._log.open("wb") as log:
                self._popen = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[write_end],
                    env={},
                )
        finally:
            os.close(write_end)
        with os.fdopen(read_end, "rb") as info:
            self._pid = _read_child(info)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pid is not None and self.poll() is None:
            # bubblewrap ends after all that ran in it; killed itself, it would leave that a moment in which to go on
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(START_SECONDS)
        self._popen.kill()
        self._popen.wait()
        shutil.rmtree(self._scratch)

    def log(self) -> str:
        """Return what has been written to stdout and stderr so far."""
        return self._log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the container's first process, as `docker stop` and `docker kill` do."""
        if self._pid is None:
            raise self.error("never started")
        os.kill(self._pid, number)

    def processor_seconds(self) -> float:
        """Return the processor time of the container's first process, and of those that it has waited for (proc(5))."""
        if self._pid is None:
            raise self.error("never started")
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int:
        """Wait for the end.

        :param timeout: seconds on a native processor.
        :return: the exit code, as a shell has it: 128 + signal.
        :raises SandboxError: it is still running.
        """
        limit = self._sandbox.seconds(timeout)
        try:
            return self._popen.wait(limit)
        except subprocess.TimeoutExpired:
            raise self.error(f"still running after {limit:g} s") from None

    def error(self, message: str) -> SandboxError:
        """Make an error that shows the command and the end of its log."""
        return SandboxError(f"{self._sandbox.image.name}: {' '.join(self._command)}: {message}\n{self.log()[-8000:]}")

    def wait_until(self, condition: Callable[[], bool], *, what: str, timeout: float) -> None:
        """Ask again and again until a condition holds.

        :param timeout: seconds on a native processor.
        :raises SandboxError: the process ended before, or the time is over.
        """
        limit = self._sandbox.seconds(timeout)
        end = time.monotonic() + limit
        while not condition():
            if self.poll() is not None:
                raise self.error(f"ended with {self.poll()} before {what}")
            if time.monotonic() > end:
                raise self.error(f"no {what} after {limit:g} s")
            time.sleep(0.05)


def _read_child(info: IO[bytes]) -> int | None:
    """Read the first process's id, which bubblewrap writes once the sandbox exists; None if it never did."""
    ready, _, _ = select.select([info], [], [], START_SECONDS)
    if not ready:
        return None
    with contextlib.suppress(json.JSONDecodeError):
        pid: int = json.loads(info.read())["child-pid"]
        return pid
    return None
