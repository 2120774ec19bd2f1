"""Weights are read as they are stored, and a model of another recipe is refused instead of being made wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from booksync_build.onnx_model import check_recipe, load_weights

CONFIG = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


def test_weights_are_read_by_name_and_shape(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="<f4")
    table = {
        "__metadata__": {"format": "pt"},
        "ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
        "matrix": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]},
    }
    header = json.dumps(table).encode()
    (tmp_path / "model").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8) + numbers.tobytes())
    weights = load_weights(tmp_path / "model")
    assert weights.keys() == {"matrix"}
    assert np.array_equal(weights["matrix"], numbers.reshape(2, 3))


def write_model(folder: Path, *, pooling: str, modules: list[str]) -> Path:
    """Write what a sentence-transformers model says of itself."""
    (folder / "1_Pooling").mkdir()
    modes = {"word_embedding_dimension": 384, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling/config.json").write_text(json.dumps(modes | {pooling: True}))
    types = [{"type": f"sentence_transformers.models.{name}"} for name in modules]
    (folder / "modules.json").write_text(json.dumps(types))
    return folder


MEAN = "pooling_mode_mean_tokens"
MODULES = ["Transformer", "Pooling", "Normalize"]


def test_known_recipe_is_taken(tmp_path: Path) -> None:
    check_recipe(write_model(tmp_path, pooling=MEAN, modules=MODULES), CONFIG)


@pytest.mark.parametrize(
    ("changes", "pooling", "modules"),
    [
        ({"model_type": "roberta"}, MEAN, MODULES),
        ({"hidden_act": "relu"}, MEAN, MODULES),
        ({"position_embedding_type": "relative_key"}, MEAN, MODULES),
        ({}, "pooling_mode_cls_token", MODULES),
        ({}, MEAN, [*MODULES[:2], "Dense", "Normalize"]),
    ],
)
def test_other_recipe_is_refused(tmp_path: Path, changes: dict[str, Any], pooling: str, modules: list[str]) -> None:
    with pytest.raises(ValueError, match="expected a model of"):
        check_recipe(write_model(tmp_path, pooling=pooling, modules=modules), CONFIG | changes)
