"""The torch back end says in one line what is wrong with a model or a device."""

import importlib.util
import re
from pathlib import Path

import pytest

from booksync_api_prediction.encoder import DeviceMissingError, ModelMissingError
from booksync_api_prediction.torch_encoder import TorchEncoder

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed"),
    # of libraries that are only loaded here
    pytest.mark.filterwarnings("ignore"),
]


def test_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ModelMissingError, match=f"^EMBEDDING_MODEL: there is no sentence-transformers model in {tmp_path}"
    ):
        TorchEncoder(tmp_path, device="cpu", batch_size=1)


@pytest.mark.parametrize(
    "modules",
    ["{", "[]", '[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]'],
)
def test_broken_model_is_one_line(tmp_path: Path, modules: str) -> None:
    (tmp_path / "modules.json").write_text(modules)
    with pytest.raises(ModelMissingError) as caught:
        TorchEncoder(tmp_path, device="cpu", batch_size=1)
    assert re.fullmatch(f"EMBEDDING_MODEL: the model in {tmp_path} cannot be loaded: .+", str(caught.value))


@pytest.mark.parametrize(
    ("count", "device", "words"),
    [
        (0, "cuda", "DEVICE is cuda, and CUDA finds no GPU: set DEVICE=cpu"),
        (1, "cuda:1", "DEVICE is cuda:1, and CUDA finds 1 GPU, the first is cuda:0: set DEVICE=cpu"),
        (2, "cuda:7", "DEVICE is cuda:7, and CUDA finds 2 GPUs, the first is cuda:0: set DEVICE=cpu"),
    ],
)
def test_missing_gpu_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, device: str, words: str
) -> None:
    import torch  # noqa: PLC0415 - only where it is installed

    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    (tmp_path / "modules.json").touch()
    with pytest.raises(DeviceMissingError, match=f"^{words}"):
        TorchEncoder(tmp_path, device=device, batch_size=1)
