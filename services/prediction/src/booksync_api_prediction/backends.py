"""Which back end runs the model, and which folder has it."""

import importlib.util
import os
from pathlib import Path

from booksync_api_prediction.encoder import Backend, Encoder, LoadEncoder, ModelMissingError, describe
from booksync_api_prediction.onnx_encoder import OnnxEncoder
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.torch_encoder import TorchEncoder

#: Back end -> the module that it needs, its files of a model on the hub, and what loads it. `auto` takes the first.
BACKENDS: dict[Backend, tuple[str, list[str], LoadEncoder]] = {
    "torch": ("torch", ["*.json", "*.txt", "*.safetensors", "*.model"], TorchEncoder),
    "onnx": ("onnxruntime", ["*.json", "*.txt", "model.onnx*", "onnx/model.onnx*"], OnnxEncoder),
}
#: What huggingface_hub takes for yes.
OFFLINE = ("1", "ON", "YES", "TRUE")
#: Whose models have names without an owner on the hub.
HUB_OWNER = "sentence-transformers"


def load_encoder(settings: PredictionSettings, device: str) -> Encoder:
    """Load the model that the settings name.

    :raises ModelMissingError: it is not there, cannot be fetched, is broken, or there is nothing to run it with.
    :raises DeviceMissingError: the device is not there.
    """
    backend = choose_backend(settings)
    _, files, load = BACKENDS[backend]
    return load(find_model(settings, files), device=device, batch_size=settings.embedding_batch_size)


def choose_backend(settings: PredictionSettings) -> Backend:
    """Return EMBEDDING_BACKEND, or for `auto` the one that is installed.

    :raises ModelMissingError: it is not installed.
    """
    installed: list[Backend] = [
        backend for backend, (module, _, _) in BACKENDS.items() if importlib.util.find_spec(module) is not None
    ]
    wanted = settings.embedding_backend
    if wanted == "auto" and installed:
        return installed[0]
    for backend in installed:
        if backend == wanted:
            return backend
    message = (
        f"EMBEDDING_BACKEND is {wanted}, and this installation has {' and '.join(installed) or 'none'}:"
        " set EMBEDDING_BACKEND=auto, or use the image that has it"
    )
    raise ModelMissingError(message)


def find_model(settings: PredictionSettings, files: list[str]) -> Path:
    """Return the folder of a baked-in model, of a path, or of the hub, from which it is fetched once.

    :param files: patterns of the files that are needed.
    :raises ModelMissingError: it is nowhere.
    """
    # libraries fetch nothing by themselves, unless the operator says so
    offline = os.environ.setdefault("HF_HUB_OFFLINE", "1").upper() in OFFLINE
    path, name = settings.model_path, settings.embedding_model
    if path.is_dir():
        return path
    baked = ", ".join(sorted(folder.name for folder in settings.booksync_models.glob("*") if folder.is_dir()))
    message = f"EMBEDDING_MODEL: there is no model {path}; {settings.booksync_models} has {baked or 'none'}"
    if name.startswith(("/", ".")):
        raise ModelMissingError(message)
    if offline:
        message += "; HF_HUB_OFFLINE=0 lets it be fetched from the hub"
        raise ModelMissingError(message)
    try:
        # reads HF_HUB_OFFLINE when it is imported
        from huggingface_hub import snapshot_download  # noqa: PLC0415
    except ImportError as error:
        message += "; nothing is installed to fetch it with"
        raise ModelMissingError(message) from error
    hub_name = name if "/" in name else f"{HUB_OWNER}/{name}"
    try:
        return Path(snapshot_download(hub_name, allow_patterns=files))
    except Exception as error:  # of HTTP, TLS, the disk, or the name
        message += f"; from the hub, {hub_name} cannot be fetched: {describe(error)}"
        raise ModelMissingError(message) from error
