"""How the tests run the app: in this process, or as the program that `nix run .#push` starts."""

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from booksync_apps import push
from booksync_apps.errors import AppError


def command_of(variable: str, program: str) -> list[str]:
    """Return how to run a program."""
    if given := os.environ.get(variable):
        command: list[str] = json.loads(given)
        return command
    if found := shutil.which(program):
        return [found]
    pytest.fail(f"{program} is not on the PATH; install it, or set {variable}")


@dataclass(frozen=True)
class Outcome:
    """What came of one run of the app."""

    code: int
    output: str
    errors: str

    @property
    def sent(self) -> int:
        """The bytes that the app says it has sent."""
        match = re.search(r"(\d+) bytes sent in", self.errors)
        assert match, self.errors
        return int(match.group(1))

    @property
    def references(self) -> list[str]:
        return self.output.splitlines()


@dataclass
class Pusher:
    """Runs the app in this process."""

    environment: dict[str, str]
    home: Path
    defaults: Sequence[str] = ("--insecure",)

    def __call__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Outcome:
        output, errors = io.StringIO(), io.StringIO()
        code = 0
        try:
            push.push(
                [*arguments, *self.defaults],
                environment={**self.environment, **(environment or {})},
                output=output,
                errors=errors,
            )
        except AppError as error:
            errors.write(f"push: {error}\n")
            code = error.exit_code
        return Outcome(code=code, output=output.getvalue(), errors=errors.getvalue())

    def log_in(self, registry: str, entry: Mapping[str, str]) -> Path:
        """Write Docker's credentials file as `docker login` does."""
        path = self.home / ".docker/config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"auths": {registry: entry}}))
        return path


def environment_of(pusher: Pusher) -> dict[str, str]:
    """Return the app's environment; PYTHONPATH is for the modules here, the flake's program ignores it."""
    return {**os.environ, **pusher.environment}


def program_command() -> list[str]:
    """Return how the app is started: BOOKSYNC_PUSH, the flake's program, or else the modules here."""
    if given := os.environ.get("BOOKSYNC_PUSH"):
        return [given]
    return [sys.executable, "-m", "booksync_apps", "push"]
