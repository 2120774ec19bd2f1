"""Run ``booksync_fetch`` from a checkout: ``python3 nix/fetch``."""

import sys
from pathlib import Path

from booksync_fetch.cli import main

sys.exit(main(Path(__file__).resolve().parents[2]))
