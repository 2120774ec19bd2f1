"""A sentence-transformers model as ONNX: one folder as it is, one with 8-bit integers, each with its tokenizer."""

import ctypes
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from booksync_build.attributes import load_attributes, output_path

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"

#: What stays beside the graph: the tokenizer, its limits, and the model's card with its licence.
KEPT = ("README.md", "config.json", "modules.json", "sentence_bert_config.json", "tokenizer.json")


def load_weights(path: Path) -> dict[str, Any]:
    """Read single-precision tensors of a safetensors file: a JSON table of places, and numbers behind it."""
    import numpy as np

    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    weights = {}
    for name, entry in json.loads(content[8:begin]).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            numbers = np.frombuffer(content, "<f4", (last - first) // 4, begin + first)
            weights[name] = numbers.reshape(entry["shape"])
    return weights


def check_recipe(source: Path, config: dict[str, Any]) -> None:
    """Refuse a model that :mod:`booksync_build.bert` does not describe.

    :raises ValueError: says what it is.
    """
    pooling = json.loads((source / "1_Pooling/config.json").read_text())
    modes = [name for name, on in pooling.items() if on is True]
    kinds = [module["type"].rpartition(".")[2] for module in json.loads((source / "modules.json").read_text())]
    found = (config["model_type"], config["hidden_act"], config["position_embedding_type"], modes, kinds)
    expected = ("bert", "gelu", "absolute", ["pooling_mode_mean_tokens"], ["Transformer", "Pooling", "Normalize"])
    if found != expected:
        raise ValueError(f"{source}: expected a model of {expected}, got {found}")


def main() -> None:
    attributes = load_attributes()
    # the builder's libc has no libstdc++; a library that is loaded already is taken by its name
    ctypes.CDLL(attributes["libstdcxx"], ctypes.RTLD_GLOBAL)
    sys.path[:0] = [f"{tree}/{SITE_PACKAGES}" for tree in attributes["site"]]
    from booksync_build.bert import build_graph

    folder = attributes["folder"]
    source = Path(attributes["model"]) / folder
    config = json.loads((source / "config.json").read_text())
    check_recipe(source, config)
    weights = load_weights(source / "model.safetensors")
    for target, quantise in ((folder, False), (f"{folder}-int8", True)):
        path = output_path(attributes) / target
        path.mkdir(parents=True)
        for name in KEPT:
            shutil.copyfile(source / name, path / name)
        model = build_graph(weights, config, quantise=quantise)
        (path / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
