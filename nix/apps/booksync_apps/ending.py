"""How an app ends: its exit code, and what it says last."""

import sys
from collections.abc import Callable

from booksync_apps.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, AppError
from booksync_apps.terminal import printable


def run_to_end(name: str, run: Callable[[], int], *, interrupted: str) -> int:
    """Run an app and return its exit code; what it ends with stands on standard error.

    :param interrupted: what to say after ^C
    """
    try:
        return run()
    except AppError as error:
        print_error(name, error)
        return error.exit_code
    except OSError as error:  # of this machine, and its text says of which file
        print_error(name, error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return EXIT_INTERRUPTED
    except SystemExit as error:  # argparse: help, or wrong usage
        return error.code if isinstance(error.code, int) else EXIT_USAGE


def print_error(name: str, error: Exception) -> None:
    """Say what went wrong; some of it may be in a registry's or an engine's words."""
    print(*map(printable, f"{name}: {error}".split("\n")), sep="\n", file=sys.stderr)
