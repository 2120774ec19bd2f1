"""Encode with onnxruntime and tokenizers, on the CPU: a twentieth of torch's size, and vectors equal to its own.

Texts are run longest first, so that those of one batch have about the same length: what is padded is computed for
nothing. A batch is bounded by its word pieces as well: attention takes memory by the square of the longest text.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from booksync_api_prediction.encoder import (
    Backend,
    DeviceMissingError,
    ModelMissingError,
    computing,
    count_threads,
    describe,
)

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

#: Where a model's graph may stand: as in our images, and as on the hub.
GRAPHS = ("model.onnx", "onnx/model.onnx")
#: Word pieces of a run: more make it no faster, and take 100 MB more.
BATCH_PIECES = 2048
#: Word pieces of a text where sentence_bert_config.json does not say.
MAX_PIECES = 256
#: onnxruntime's errors alone: it warns of CPUs that it does not know, on standard error and not as JSON.
LOG_ERRORS = 3


class OnnxEncoder:
    """A model as an ONNX graph, with its tokenizer."""

    backend: Backend = "onnx"
    device = "cpu"

    def __init__(self, path: Path, *, device: str, batch_size: int) -> None:
        """Load the model of a folder.

        :raises ModelMissingError: with onnxruntime or the model missing, or the model broken.
        :raises DeviceMissingError: on anything but the CPU.
        """
        if device != "cpu":
            message = (
                f"DEVICE is {device}, and EMBEDDING_BACKEND onnx runs on the CPU alone:"
                " set DEVICE=cpu, or use the image with torch"
            )
            raise DeviceMissingError(message)
        graph = next((path / name for name in GRAPHS if (path / name).is_file()), None)
        if graph is None or not (path / "tokenizer.json").is_file():
            message = f"EMBEDDING_MODEL: there is no ONNX model in {path} (model.onnx and tokenizer.json)"
            raise ModelMissingError(message)
        # onnxruntime sends Microsoft what runs where; it reads this when it is imported
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            with computing():
                self._tokenizer, self._session = load(path, graph)
        except ImportError as error:
            message = f"onnxruntime and tokenizers are not installed ({error.name}): no model can be loaded"
            raise ModelMissingError(message) from error
        except Exception as error:  # neither library has a class of its own errors
            message = f"EMBEDDING_MODEL: the model in {path} cannot be loaded: {describe(error)}"
            raise ModelMissingError(message) from error
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._batch_size = batch_size
        (vector,) = self.encode(["BookSync"])
        self._dimension = len(vector)

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._dimension

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text."""
        with computing():
            pieces = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors: list[list[float]] = [[] for _ in pieces]
        for batch in split_batches([len(text) for text in pieces], self._batch_size):
            with computing():
                found = self._run([pieces[index] for index in batch])
            for index, vector in zip(batch, found.tolist(), strict=True):
                vectors[index] = vector
        return vectors

    def _run(self, pieces: Sequence[list[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(pieces), max(map(len, pieces))), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(pieces):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        outputs: list[Any] = self._session.run(None, {name: given[name] for name in self._inputs})
        return pool(outputs[0], mask)


def load(path: Path, graph: Path) -> "tuple[Tokenizer, onnxruntime.InferenceSession]":
    """Load a model's tokenizer and its graph."""
    # only where a model is loaded
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.enable_truncation(load_max_pieces(path))
    tokenizer.no_padding()
    check_pooling(path)
    onnxruntime.set_default_logger_severity(LOG_ERRORS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count_threads()
    options.inter_op_num_threads = 1
    # threads that wait for the next batch sleep
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return tokenizer, onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def pool(vectors: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return a vector of length 1 for each text.

    :param vectors: `(n, d)`, as our graphs make them, or `(n, pieces, d)`, as those of the hub do: then their mean.
    :param mask: `(n, pieces)`, 0 where a text has ended.
    """
    if vectors.ndim > mask.ndim:
        weights = mask[:, :, None].astype(np.float32)
        vectors = (vectors * weights).sum(axis=1) / weights.sum(axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def check_pooling(path: Path) -> None:
    """Refuse a model whose vector of a text is another than the mean of its word pieces'.

    :raises ValueError: it is.
    """
    config = path / "1_Pooling/config.json"
    if config.is_file() and not json.loads(config.read_text()).get("pooling_mode_mean_tokens"):
        message = f"expected pooling_mode_mean_tokens in {config}: no other pooling is known here; use the torch image"
        raise ValueError(message)


def load_max_pieces(path: Path) -> int:
    """Return how many word pieces of a text the model reads, its first and last among them."""
    config = path / "sentence_bert_config.json"
    if not config.is_file():
        return MAX_PIECES
    return int(json.loads(config.read_text()).get("max_seq_length") or MAX_PIECES)


def split_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yield the numbers of texts that are run at once, the longest texts first.

    :param lengths: word pieces of each text.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    begin = 0
    while begin < len(order):
        size = max(1, min(batch_size, BATCH_PIECES // lengths[order[begin]]))
        yield order[begin : begin + size]
        begin += size
