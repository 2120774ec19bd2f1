"""The one exception that an app ends with, and its exit codes."""

#: Exit codes, as shells and Docker's own client use them.
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class AppError(Exception):
    """Something that the person at the terminal can do something about.

    :param what: the thing, what was expected, what came
    :param way_out: what to do about it
    """

    exit_code = EXIT_FAILED

    def __init__(self, what: str, *, way_out: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.what}\n  {self.way_out}" if self.way_out else self.what


class UsageError(AppError):
    """The command line is wrong."""

    exit_code = EXIT_USAGE
