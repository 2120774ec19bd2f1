"""Encode with torch and sentence-transformers, on the CPU or a GPU."""

import os
from collections.abc import Sequence
from pathlib import Path

from booksync_api_prediction.encoder import (
    Backend,
    DeviceMissingError,
    ModelMissingError,
    computing,
    count_threads,
    describe,
)


class TorchEncoder:
    """A sentence-transformers model."""

    backend: Backend = "torch"

    def __init__(self, path: Path, *, device: str, batch_size: int) -> None:
        """Load the model of a folder.

        :raises ModelMissingError: with torch or the model missing.
        :raises DeviceMissingError: without the GPU that `device` asks for.
        """
        if not (path / "modules.json").is_file():
            message = f"EMBEDDING_MODEL: there is no sentence-transformers model in {path}"
            raise ModelMissingError(message)
        # before the import: it reads this once
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            # seconds, and hundreds of megabytes: only where a model is loaded
            import torch  # noqa: PLC0415
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415
            from transformers.utils import logging as transformers_logging  # noqa: PLC0415
        except ImportError as error:
            message = f"torch and sentence-transformers are not installed ({error.name}): no model can be loaded"
            raise ModelMissingError(message) from error
        if device != "cpu":
            count = torch.cuda.device_count() if torch.cuda.is_available() else 0
            _, _, number = device.partition(":")
            if int(number or 0) >= count:
                found = f"{count} GPU{'s' * (count > 1)}, the first is cuda:0" if count else "no GPU"
                message = f"DEVICE is {device}, and CUDA finds {found}: set DEVICE=cpu, or give the container the GPU"
                raise DeviceMissingError(message)
        # it is for convolutions, and the image has 0.7 GB less without it
        torch.backends.cudnn.enabled = False
        torch.set_num_threads(count_threads())
        # lines of JSON, as all of our log: no handler of its own, and no bars
        transformers_logging.disable_default_handler()
        transformers_logging.enable_propagation()
        transformers_logging.disable_progress_bar()
        try:
            self._model = SentenceTransformer(str(path), device=device, local_files_only=True)
        except Exception as error:  # of files, JSON, weights or the GPU's memory
            message = f"EMBEDDING_MODEL: the model in {path} cannot be loaded: {describe(error)}"
            raise ModelMissingError(message) from error
        self._batch_size = batch_size
        self._device = device
        (vector,) = self.encode(["BookSync"])
        self._dimension = len(vector)

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._dimension

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._device

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text."""
        with computing():
            vectors = self._model.encode(
                list(texts), batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        return [[float(value) for value in vector] for vector in vectors]
