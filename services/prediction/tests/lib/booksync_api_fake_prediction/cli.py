"""Its command; FAKE_SECONDS is how long a batch takes."""

import os

from booksync_common.cli import run
from booksync_prediction_testing.encoder import WordEncoder, load_this
from booksync_prediction_testing.service import make_service


def main() -> int:
    """Run the command line."""
    encoder = WordEncoder(seconds=float(os.environ.get("FAKE_SECONDS", "0")))
    return run(make_service(load_this(encoder)))


if __name__ == "__main__":
    raise SystemExit(main())
