"""The slim image makes the vectors of sentence-transformers: the same ones, or with 8-bit integers, nearly."""

import statistics

import pytest

from booksync_testing.encoding import Encoding, Vectors, list_cosines
from booksync_testing.sandbox import builder_architecture
from booksync_testing.texts import COUNT, make_texts

MODEL = "all-MiniLM-L6-v2"
TORCH = "booksync-api-prediction"
ONNX = "booksync-api-prediction-onnx"
SAME = 0.9999


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return make_texts()


@pytest.fixture(scope="module")
def expected(encoding: Encoding, texts: list[str]) -> Vectors:
    script = "encode_with_sentence_transformers.py"
    return encoding.run(script, MODEL, image=TORCH, architecture=builder_architecture(), texts=texts)


def encode(encoding: Encoding, texts: list[str], *, image: str, model: str = MODEL) -> Vectors:
    """Encode with the service's own back end."""
    return encoding.run("encode_with_service.py", model, image=image, architecture=builder_architecture(), texts=texts)


@pytest.mark.parametrize("image", [ONNX, TORCH])
def test_vectors_are_those_of_sentence_transformers(
    encoding: Encoding, texts: list[str], expected: Vectors, image: str
) -> None:
    cosines = list_cosines(encode(encoding, texts, image=image), expected)
    worst = min(range(COUNT), key=cosines.__getitem__)
    assert cosines[worst] >= SAME, texts[worst]


def test_integers_cost_no_more_than_is_said(encoding: Encoding, texts: list[str], expected: Vectors) -> None:
    cosines = list_cosines(encode(encoding, texts, image=ONNX, model=f"{MODEL}-int8"), expected)
    assert statistics.mean(cosines) >= 0.99
    assert statistics.quantiles(cosines, n=100)[0] >= 0.97
