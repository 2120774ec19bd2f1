"""The container engine of this machine: docker or podman, by its own command line."""

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO

from booksync_apps.errors import AppError
from booksync_apps.layout import Json

#: How each engine is asked which architecture it runs; one that does not run does not answer.
QUESTIONS = {
    "docker": ("version", "--format", "{{.Server.Arch}}"),
    "podman": ("info", "--format", "{{.Host.Arch}}"),
}

ANSWER_LIMIT_S = 30


class SilentEngineError(AppError):
    """An engine did not answer in time, so that nobody knows what it would have said."""


@dataclass(frozen=True)
class Engine:
    """An engine that has answered.

    :param architecture: as OCI says it, of the machine that containers run on
    """

    name: str
    program: str
    architecture: str
    environment: Mapping[str, str]

    def inspect(self, reference: str) -> Json | None:
        """Return what the engine says of an image that it has; None when it has none of that name.

        :raises SilentEngineError: it says nothing
        """
        asked = run([self.program, "image", "inspect", "--format", "{{json .}}", reference], self.environment)
        if asked.returncode:
            return None
        try:
            found = json.loads(asked.stdout)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def load(self, write: Callable[[IO[bytes]], None]) -> None:
        """Load an archive.

        :param write: writes the archive into what it is given
        :raises AppError: the engine refused it
        """
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(
                [self.program, "load"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=dict(self.environment),
            ) as process,
            ended(process),
        ):
            assert process.stdin is not None
            # what it says is better than that it does not listen any more
            with contextlib.suppress(BrokenPipeError), process.stdin as stream:
                write(stream)
            if process.wait() != 0:
                said.seek(0)
                reason = last_line(said.read().decode(errors="replace")) or f"status {process.returncode}"
                raise AppError(f"{self.name} load: {reason}", way_out="the same command can be run again")


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no process behind, whatever happens here."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def last_line(text: str) -> str:
    """Return what a program said last."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a short command of an engine.

    :raises SilentEngineError: it took too long
    """
    try:
        return subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        words = [Path(command[0]).name, *takewhile(lambda word: not word.startswith("-"), command[1:])]
        raise SilentEngineError(
            f"{' '.join(words)}: no answer within {ANSWER_LIMIT_S} s",
            way_out="when the engine answers again, run the same command again: what it has, it keeps",
        ) from error


def find_engine(wanted: str | None, environment: Mapping[str, str]) -> Engine:
    """Return the engine of that name, or the first that answers.

    :raises AppError: none does; the message says of each why
    """
    reasons = []
    for name in [wanted] if wanted else QUESTIONS:
        program = shutil.which(name, path=environment.get("PATH"))
        if program is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            asked = run([program, *QUESTIONS[name]], environment)
        except SilentEngineError as error:
            reasons.append(error.what)
            continue
        architecture = asked.stdout.strip()
        if asked.returncode == 0 and architecture:
            return Engine(name, program, architecture, environment)
        reasons.append(f"{name}: {last_line(asked.stderr) or 'it does not answer'}")
    raise AppError(
        f"no container engine can be used ({'; '.join(reasons)})",
        way_out="install or start one; docker is for root and its group",
    )
