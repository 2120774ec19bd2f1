"""A server with BookSync's scripts on it: a small Debian system without a network, whose engine is a stand-in."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from booksync_testing.sandbox import Result, Tools

#: In the place of programs that a build may not run, or that another machine has.
STUBS = "/stubs"


@dataclass(frozen=True)
class ScriptServer:
    """The system's folders, and how to run a command in it as root."""

    tools: Tools
    system: Path  # what is in /usr
    deploy: Path  # the repository's folder of that name
    folder: Path  # /srv/booksync
    engine: Path  # what the stand-in keeps
    stubs: Path  # programs that come first on PATH

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        binds: Sequence[tuple[Path, str]] = (),
    ) -> Result:
        """Run a command to its end.

        :param binds: more folders that are shown, and their places.
        """
        result = subprocess.run(
            [*self._prefix(environment or {}, binds), *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(code=result.returncode, output=result.stdout)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, whose number is then in the engine's file `group`."""
        words = ["setsid", "--wait", "bash", "-c", 'echo $$ >/engine/group && exec "$@"', "bash", *command]
        return subprocess.Popen(
            [*self._prefix({}, ()), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send the group that was started a signal, as a terminal does."""
        os.killpg(int((self.engine / "group").read_text()), number)

    def _prefix(self, environment: Mapping[str, str], binds: Sequence[tuple[Path, str]]) -> list[str]:
        options = ["--unshare-user", "--uid", "0", "--gid", "0", "--die-with-parent"]
        options += ["--tmpfs", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108 - inside
        options += ["--ro-bind", str(self.system / "usr"), "/usr", "--symlink", "usr/bin", "/bin"]
        options += ["--ro-bind", str(self.system / "etc"), "/etc"]
        for name in ("lib", "lib64"):
            options += ["--symlink", f"usr/{name}", f"/{name}"]
        for source, place in ((self.deploy, "/source/deploy"), (self.stubs, STUBS), *binds):
            options += ["--ro-bind", str(source.resolve()), place]
        for source, place in ((self.folder, "/srv/booksync"), (self.engine, "/engine")):
            options += ["--bind", str(source), place]
        variables = {"PATH": f"{STUBS}:/usr/bin:/usr/sbin", "HOME": "/tmp", **environment}  # noqa: S108 - inside
        options += ["--clearenv", "--chdir", "/srv/booksync"]
        for name, value in sorted(variables.items()):
            options += ["--setenv", name, value]
        return [*self.tools.command("bwrap"), *options, "--"]
