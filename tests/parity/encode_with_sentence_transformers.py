"""Encode the texts of a JSON file with bare sentence-transformers, and write a vector a line as JSON: IN OUT MODEL."""

import json
import os
import sys
from pathlib import Path

from sentence_transformers import SentenceTransformer

texts = json.loads(Path(sys.argv[1]).read_text())
model = SentenceTransformer(f"{os.environ['BOOKSYNC_MODELS']}/{sys.argv[3]}", device="cpu")
vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
Path(sys.argv[2]).write_text("".join(f"{json.dumps(vector.tolist())}\n" for vector in vectors))
