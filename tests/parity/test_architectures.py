"""The slim image makes the same vectors on amd64 and arm64, of which one is emulated."""

import pytest

from booksync_testing.encoding import Encoding, list_cosines
from booksync_testing.layout import ARCHITECTURES
from booksync_testing.texts import HARD

LETTERS = 24  # of a text: emulated, a word piece takes a quarter of a second


@pytest.mark.parametrize(("model", "least"), [("all-MiniLM-L6-v2", 0.9999), ("all-MiniLM-L6-v2-int8", 0.99)])
def test_both_architectures_make_the_same_vectors(encoding: Encoding, model: str, least: float) -> None:
    texts = [text[:LETTERS] for text in HARD[::2]]
    one, other = (
        encoding.run(
            "encode_with_service.py",
            model,
            image="booksync-api-prediction-onnx",
            architecture=architecture,
            texts=texts,
        )
        for architecture in ARCHITECTURES
    )
    assert min(list_cosines(one, other)) >= least
