"""How the tests run `nix run .#up`: the flake's program in a folder of their own, on ports that nobody has."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from process_tree import list_descendants
from program_output import wait_for_lines

SERVICES = ("postgres", "auth", "data", "prediction")

#: Seconds; a builder may be slow, and emulated.
START_LIMIT_S = 300
END_LIMIT_S = 120


def program() -> str:
    return os.environ.get("BOOKSYNC_UP") or pytest.fail("BOOKSYNC_UP: bin/up of `.#apps` is not set")


@dataclass(frozen=True)
class App:
    """The program, and one folder.

    :param prefix: words before the program's
    """

    directory: Path
    ports: Mapping[str, int]
    prefix: tuple[str, ...] = ()

    @property
    def up(self) -> list[str]:
        """Return the words that start the stack."""
        return [word for name, port in self.ports.items() for word in ("--port", f"{name}={port}")]

    @property
    def log(self) -> str:
        """Return what was kept of what the services said."""
        path = self.directory / "stack.log"
        return path.read_text() if path.exists() else ""

    def words(self, *arguments: str) -> list[str]:
        return [*self.prefix, program(), "--directory", str(self.directory), *arguments]

    def __call__(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            self.words(*arguments),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=START_LIMIT_S,
        )

    @contextmanager
    def begin(self) -> Iterator["Running"]:
        """Start the stack in the foreground, for the time of the block."""
        output, errors = (self.directory.with_suffix(suffix) for suffix in (".output", ".errors"))
        with output.open("w") as stdout, errors.open("w") as stderr:
            process = subprocess.Popen(
                self.words(*self.up),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        try:
            yield Running(process, output, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@dataclass(frozen=True)
class Running:
    """The program in the foreground."""

    process: subprocess.Popen[str]
    _output: Path
    _errors: Path

    @property
    def errors(self) -> str:
        """Return what it has said on standard error."""
        return self._errors.read_text()

    def wait_until_ready(self) -> list[str]:
        """Return what it says where everything is."""
        lines = wait_for_lines(
            self.process, self._output, count=2 + len(SERVICES), errors=self._errors, seconds=START_LIMIT_S
        )
        assert lines[0] == "BookSync is ready:\n", self.errors
        return lines[1:]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Do what ^C does, to the whole group as a terminal does, and return the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(END_LIMIT_S)

    def first_processes(self) -> dict[int, str]:
        """Return the processes that this one has started, and theirs: id -> words."""
        return list_descendants(self.process.pid)
