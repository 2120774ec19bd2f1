"""Run ``booksync_fetch`` from a checkout: ``python3 nix/fetch``."""

import signal
import sys
from pathlib import Path

# until main() can say it in words, ^C ends this without a traceback
signal.signal(signal.SIGINT, signal.SIG_DFL)

from booksync_fetch.cli import main  # noqa: E402 - see above

sys.exit(main(Path(__file__).resolve().parents[2]))
