"""The graph of a BERT sentence encoder, from its weights: word pieces in, one vector of length 1 a text out.

Problem: an ONNX file of the locked weights, the same bytes on every builder. Choice: the model is small and fixed, so
its graph is written here, node by node. Rejected: torch's exporter, which needs torch where the file is made (on amd64
with 4 GB of CUDA libraries) and writes other graphs with every release.

Weights are kept in half precision and computed with in single: half of the size, and cosines of 0.999999.
With `quantise`, those of linear layers and words are 8-bit integers, a scale a row, and so is what linear layers read
(ONNX's DynamicQuantizeLinear). They keep to 7 bits: two products of 8 bits do not fit the 16 that AVX2 adds them
in, and every CPU is to give the same sums.

Names of weights and the order of layers are those of Devlin et al., https://arxiv.org/abs/1810.04805, as Hugging Face's
BertModel stores them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

type Weights = Mapping[str, NDArray[np.float32]]

OPSET = 20  # the first with Gelu
IR_VERSION = 9  # the one of that opset
QUANTISED_MAX = 63
MASKED = np.float32(-1e9)  # as good as minus infinity for a softmax, and no NaN where all are masked
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"


@dataclass
class Graph:
    """Nodes and constants, in the order in which they are added."""

    weights: Weights
    quantise: bool
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    quantised: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add_all(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> tuple[str, ...]:
        """Add a node with several outputs and return their names."""
        names = tuple(f"{operator}_{len(self.nodes)}_{number}" for number in range(outputs))
        self.nodes.append(helper.make_node(operator, list(inputs), list(names), **attributes))
        return names

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        return self.add_all(operator, *inputs, outputs=1, **attributes)[0]

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def single(self, name: str) -> str:
        """Make numbers single precision."""
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def look_up(self, table: NDArray[np.float32], rows: str) -> str:
        """Return rows of a table of vectors."""
        if not self.quantise:
            return self.single(self.add("Gather", self.constant(table, np.float16), rows))
        integers, scales = quantise_rows(table)
        found = self.single(self.add("Gather", self.constant(integers, np.int8), rows))
        return self.add("Mul", found, self.add("Gather", self.constant(scales), rows))

    def linear(self, value: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Return `value @ weight.T + bias`."""
        if self.quantise:
            product = self.multiply_integers(value, weight)
        else:
            product = self.add("MatMul", value, self.single(self.constant(weight.T, np.float16)))
        return self.add("Add", product, self.constant(bias))

    def multiply_integers(self, value: str, weight: NDArray[np.float32]) -> str:
        """Return `value @ weight.T`, of integers."""
        integers, scales = quantise_rows(weight)
        if value not in self.quantised:
            self.quantised[value] = self.add_all("DynamicQuantizeLinear", value, outputs=3)
        read, scale, zero = self.quantised[value]
        product = self.single(self.add("MatMulInteger", read, self.constant(integers.T, np.int8), zero))
        return self.add("Mul", product, self.add("Mul", scale, self.constant(scales.ravel())))

    def dense(self, value: str, name: str) -> str:
        """Return a linear layer of the model."""
        return self.linear(value, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def normalise(self, value: str, name: str, epsilon: float) -> str:
        """Return a layer normalisation of the model."""
        scale, shift = (self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=epsilon)


def quantise_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return integers, and a scale a row: `table` is about their product."""
    largest = np.maximum(np.abs(table).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    scales = (largest / np.float32(QUANTISED_MAX)).astype(np.float32)
    return np.rint(table / scales).astype(np.int8), scales


def embed(graph: Graph, config: Mapping[str, Any]) -> str:
    """Return the vector of each word piece, of its word and its place."""
    table = {name: graph.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    # one text at a time: all pieces are of the first type
    places = graph.single(graph.constant(table["position"] + table["token_type"][0], np.float16))
    length = graph.add("Shape", INPUTS[0], start=1, end=2)
    zero = graph.constant([0], np.int64)
    places = graph.add("Slice", places, zero, length, zero)
    words = graph.look_up(table["word"], INPUTS[0])
    return graph.normalise(graph.add("Add", words, places), "embeddings.LayerNorm", config["layer_norm_eps"])


def attend(graph: Graph, value: str, masked: str, name: str, heads: int) -> str:
    """Return self-attention of all heads, before its output layer."""
    parts = ("query", "key", "value")
    weights, biases = ([graph.weights[f"{name}.{part}.{kind}"] for part in parts] for kind in ("weight", "bias"))
    size = len(biases[0]) // heads
    # the scale of the scores is in the queries already
    scale = np.float32(1 / math.sqrt(size))
    weights[0], biases[0] = weights[0] * scale, biases[0] * scale
    joint = graph.linear(value, np.concatenate(weights), np.concatenate(biases))
    # 0 keeps a dimension: batch and length
    joint = graph.add("Reshape", joint, graph.constant([0, 0, len(parts) * heads, size], np.int64))
    query, key, content = graph.add_all("Split", joint, outputs=len(parts), axis=2, num_outputs=len(parts))
    query, content = (graph.add("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, content))
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 2, 3, 1]))
    shares = graph.add("Softmax", graph.add("Add", scores, masked), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", shares, content), perm=[0, 2, 1, 3])
    return graph.add("Reshape", mixed, graph.constant([0, 0, heads * size], np.int64))


def pool(graph: Graph, value: str, mask: str) -> str:
    """Return the mean of each text's vectors, with length 1."""
    one = graph.constant([1], np.int64)
    weights = graph.add("Unsqueeze", mask, graph.constant([2], np.int64))
    total = graph.add("ReduceSum", graph.add("Mul", value, weights), one, keepdims=0)
    mean = graph.add("Div", total, graph.add("ReduceSum", weights, one, keepdims=0))
    return graph.add("Div", mean, graph.add("ReduceL2", mean, one, keepdims=1))


def build_graph(weights: Weights, config: Mapping[str, Any], *, quantise: bool) -> ModelProto:
    """Return the model as ONNX.

    :param weights: by BertModel's names.
    :param config: of BertModel.
    """
    graph = Graph(weights, quantise)
    epsilon = config["layer_norm_eps"]
    mask = graph.single(INPUTS[1])
    absent = graph.add("Sub", graph.constant(1), graph.add("Unsqueeze", mask, graph.constant([1, 2], np.int64)))
    masked = graph.add("Mul", absent, graph.constant(MASKED))
    value = embed(graph, config)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        mixed = attend(graph, value, masked, f"{layer}.attention.self", config["num_attention_heads"])
        sum_ = graph.add("Add", graph.dense(mixed, f"{layer}.attention.output.dense"), value)
        value = graph.normalise(sum_, f"{layer}.attention.output.LayerNorm", epsilon)
        inner = graph.add("Gelu", graph.dense(value, f"{layer}.intermediate.dense"))
        sum_ = graph.add("Add", graph.dense(inner, f"{layer}.output.dense"), value)
        value = graph.normalise(sum_, f"{layer}.output.LayerNorm", epsilon)
    graph.nodes.append(helper.make_node("Identity", [pool(graph, value, mask)], [OUTPUT]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in INPUTS],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", config["hidden_size"]])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="booksync",
    )
    checker.check_model(model, full_check=True)
    return model
