"""Encode the texts of a JSON file with the service's own back end, and write a vector a line as JSON: IN OUT MODEL."""

import json
import sys
from pathlib import Path

from booksync_api_prediction.backends import load_encoder
from booksync_api_prediction.settings import PredictionSettings

texts = json.loads(Path(sys.argv[1]).read_text())
encoder = load_encoder(PredictionSettings.load(embedding_model=sys.argv[3]), "cpu")
Path(sys.argv[2]).write_text("".join(f"{json.dumps(vector)}\n" for vector in encoder.encode(texts)))
