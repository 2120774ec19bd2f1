"""The service; FAKE_SECONDS is how long a batch takes."""

import os

from booksync_prediction_testing.encoder import WordEncoder, load_this
from booksync_prediction_testing.service import make_service

SERVICE = make_service(load_this(WordEncoder(seconds=float(os.environ.get("FAKE_SECONDS", "0")))))
