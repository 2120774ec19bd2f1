"""The graph that is written node by node computes BERT's definition, whatever a text is padded with."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from booksync_build.bert import Weights, build_graph, quantise_rows

type Matrix = NDArray[np.float32]

SIZE, INNER, HEADS, LAYERS, WORDS, PLACES = 16, 24, 4, 2, 50, 12
EPSILON = 1e-12
CONFIG = {
    "hidden_size": SIZE,
    "layer_norm_eps": EPSILON,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
}
IDS = np.array([[2, 7, 9, 3], [2, 41, 3, 0]], np.int64)
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.int64)


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Return the weights of a tiny model: sixty-fourths, so that half precision rounds none."""
    choose = np.random.default_rng(6)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, SIZE),
        "embeddings.position_embeddings.weight": (PLACES, SIZE),
        "embeddings.token_type_embeddings.weight": (2, SIZE),
    }
    layers = [f"encoder.layer.{number}" for number in range(LAYERS)]
    dense = {"attention.output.dense": (SIZE, SIZE), "intermediate.dense": (INNER, SIZE), "output.dense": (SIZE, INNER)}
    dense |= {f"attention.self.{part}": (SIZE, SIZE) for part in ("query", "key", "value")}
    norms = ["embeddings.LayerNorm"]
    for layer in layers:
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in dense.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (SIZE,), f"{name}.bias": (SIZE,)}
    return {
        name: (choose.integers(-64, 65, shape) / 64).astype(np.float32) + np.float32(name in norms)
        for name, shape in shapes.items()
    }


def normalise(value: Matrix, weights: Weights, name: str) -> Matrix:
    mean: Matrix = value.mean(-1, keepdims=True)
    variance: Matrix = value.var(-1, keepdims=True)
    scaled = ((value - mean) / np.sqrt(variance + EPSILON)).astype(np.float32)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def encode(weights: Weights, ids: NDArray[np.int64]) -> Matrix:
    """Return the vector of one text without padding, by the formulas of the paper."""

    def dense(value: Matrix, name: str) -> Matrix:
        result: Matrix = value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return result

    table = {name: weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    value = table["word"][ids] + table["position"][: len(ids)] + table["token_type"][0]
    value = normalise(value, weights, "embeddings.LayerNorm")
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        query, key, content = (dense(value, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = []
        for head in np.split(np.arange(SIZE), HEADS):
            scores = np.exp(query[:, head] @ key[:, head].T / math.sqrt(SIZE // HEADS))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ content[:, head])
        attended = dense(np.concatenate(mixed, -1), f"{layer}.attention.output.dense")
        value = normalise(attended + value, weights, f"{layer}.attention.output.LayerNorm")
        inner = dense(value, f"{layer}.intermediate.dense")
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        value = normalise(dense(inner, f"{layer}.output.dense") + value, weights, f"{layer}.output.LayerNorm")
    mean: Matrix = value.mean(0)
    return mean / np.linalg.norm(mean)


def run(weights: Weights, *, quantise: bool, ids: NDArray[np.int64] = IDS, mask: NDArray[np.int64] = MASK) -> Matrix:
    """Run the graph with onnx's own evaluator."""
    model = build_graph(weights, CONFIG, quantise=quantise)
    outputs: Any = ReferenceEvaluator(model).run(None, {"input_ids": ids, "attention_mask": mask})
    vectors: Matrix = outputs[0]
    return vectors


def test_graph_computes_the_model(weights: Weights) -> None:
    expected = [encode(weights, ids[mask == 1]) for ids, mask in zip(IDS, MASK, strict=True)]
    assert np.allclose(run(weights, quantise=False), expected, atol=1e-5)


def test_padding_changes_nothing(weights: Weights) -> None:
    padded = np.pad(IDS, ((0, 0), (0, 5)), constant_values=13)
    mask = np.pad(MASK, ((0, 0), (0, 5)))
    assert np.allclose(run(weights, quantise=False), run(weights, quantise=False, ids=padded, mask=mask), atol=1e-5)


def test_integers_come_near(weights: Weights) -> None:
    exact, rounded = run(weights, quantise=False), run(weights, quantise=True)
    assert np.all((exact * rounded).sum(-1) > 0.98)
    assert not np.allclose(exact, rounded, atol=1e-5)


def test_integers_keep_to_seven_bits_and_to_their_row() -> None:
    table = np.array([[0.5, -1.0], [0.0, 0.0], [300.0, 1.0]], np.float32)
    integers, scales = quantise_rows(table)
    assert (int(integers.min()), int(integers.max())) == (-63, 63)
    assert np.allclose(integers * scales, table, atol=300 / 63 / 2)
    assert np.allclose(integers[0] * scales[0], table[0], atol=1 / 63 / 2)


@pytest.mark.parametrize("quantise", [False, True])
def test_bytes_are_the_same_each_time(weights: Weights, quantise: bool) -> None:
    first, second = (
        build_graph(weights, CONFIG, quantise=quantise).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert first == second
