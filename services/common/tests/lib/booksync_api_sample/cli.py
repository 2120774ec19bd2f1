"""The command `booksync-api-sample`."""

from booksync_api_sample.program import PROGRAM
from booksync_common.cli import run


def main() -> int:
    """Run the command line."""
    return run(PROGRAM, "booksync_api_sample.service:SERVICE")


if __name__ == "__main__":
    raise SystemExit(main())
