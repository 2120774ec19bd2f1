"""The command line of a service, which is its image's entry point.

The service itself is imported for its own commands alone: another command has no use for it.
"""

import os
import sys
from collections.abc import Sequence
from pkgutil import resolve_name

from booksync_common.failures import FatalError
from booksync_common.loading import without_collecting
from booksync_common.program import DRAIN, HOST, PROTOCOL, Program

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127

#: What may stand behind the name of a command.
_OPTIONS: dict[str, list[list[str]]] = {"migrate": [[], ["--check"], ["--sql"]]}


def run(program: Program, service: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    :param service: where its `Service` is, as `package.module:NAME`.
    :param arguments: without the program's name; those of the process by default.
    :return: the exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, *options = words or ["serve"]
    if command in {"--help", "-h", "help"}:
        sys.stdout.write(program.usage + "\n")
        return 0
    if command in {"serve", "migrate", *program.commands}:
        if options not in _OPTIONS.get(command, [[]]):
            return _refuse(program, options)
        return _run_own(program, service, command, options)
    if command.startswith("-"):
        return _refuse(program, words)
    return _execute(program, words)


def _refuse(program: Program, words: Sequence[str]) -> int:
    sys.stderr.write(f"{program.distribution}: unknown arguments: {' '.join(words)}\n\n{program.usage}\n")
    return EXIT_USAGE


def _run_own(program: Program, service: str, command: str, options: Sequence[str]) -> int:
    with without_collecting():
        run_own = resolve_name("booksync_common.running:run")
        value = resolve_name(service)
    try:
        code: int = run_own(value, command, options)
    except FatalError as error:
        sys.stderr.write(f"{program.distribution}: {error}\n")
        return EXIT_REFUSED
    return code


def _execute(program: Program, words: Sequence[str]) -> int:
    """Become another program, which gets HOST and PORT under the names that Uvicorn reads."""
    environment = {
        "UVICORN_HOST": os.environ.get("HOST") or HOST,
        "UVICORN_PORT": os.environ.get("PORT") or str(program.port),
        "UVICORN_HTTP": PROTOCOL,
        "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": str(DRAIN),
        "UVICORN_SERVER_HEADER": "false",
        **os.environ,
    }
    try:
        os.execvpe(words[0], list(words), environment)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        sys.stderr.write(f"{program.distribution}: {words[0]}: no such command\n\n{program.usage}\n")
        return EXIT_NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"{program.distribution}: {words[0]}: {error.strerror}\n")
        return EXIT_NOT_EXECUTABLE
