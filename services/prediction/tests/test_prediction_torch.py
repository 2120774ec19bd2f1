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


def test_missing_gpu_is_one_line(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415 - only where it is installed

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    (tmp_path / "modules.json").touch()
    with pytest.raises(DeviceMissingError, match=r"^DEVICE is cuda, and CUDA finds no GPU"):
        TorchEncoder(tmp_path, device="cuda", batch_size=1)
