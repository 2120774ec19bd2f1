"""Run ``booksync_fetch`` from a checkout: ``python3 nix/fetch/__main__.py``."""

# until main() can say it in words, ^C ends this without a traceback; not `signal`, which imports for a while itself
import _signal  # type: ignore[import-not-found]

_signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import sys  # noqa: E402 - see above
from pathlib import Path  # noqa: E402

from booksync_fetch.cli import main  # noqa: E402

sys.exit(main(Path(__file__).resolve().parents[2]))
