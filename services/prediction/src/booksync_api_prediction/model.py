"""The model as a part of the service: loaded and used in a thread of its own."""

import logging
import math
from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_prediction import vectors
from booksync_api_prediction.backends import load_encoder
from booksync_api_prediction.batching import Batches
from booksync_api_prediction.encoder import DeviceMissingError, Encoder, ModelMissingError
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.worker import Worker
from booksync_common.failures import ConfigurationError
from booksync_common.parts import Check, Part
from booksync_common.problems import unavailable

logger = logging.getLogger(__name__)

#: Loads the model that the settings name, on a device.
Load = Callable[[PredictionSettings, str], Encoder]


class Model(Part):
    """The embedding model, and the column of its vectors."""

    name = "model"

    def __init__(self, settings: PredictionSettings, *, load: Load = load_encoder) -> None:
        """Remember what to load.

        :param load: tests give another.
        """
        self._settings = settings
        self._load = load
        self._encoder: Encoder | None = None
        self._missing: str | None = None
        # one: a back end has threads of its own, and two batches at once are slower than one after the other
        self._worker = Worker("model")
        self._batches = Batches(self._encode, size=settings.embedding_batch_size)

    async def start(self) -> None:
        """Load the model.

        In development a missing GPU means the CPU, and a missing model is said once.

        :raises FatalError: it cannot be loaded, or makes vectors of another length than VECTOR_DIMENSION.
        """
        settings = self._settings
        try:
            encoder = await self._load_on_device()
        except ModelMissingError as error:
            if settings.is_production:
                raise
            logger.warning("%s; what needs the model answers 503", error)
            self._missing = "not available"
            return
        if encoder.dimension != settings.vector_dimension:
            message = (
                f"VECTOR_DIMENSION is {settings.vector_dimension}, and model {settings.embedding_model}"
                f" makes vectors of {encoder.dimension}: set VECTOR_DIMENSION={encoder.dimension}"
            )
            raise ConfigurationError(message)
        self._encoder = encoder
        logger.info(
            "model %s is loaded by %s on %s, dimension %d",
            settings.embedding_model,
            encoder.backend,
            encoder.device,
            encoder.dimension,
        )

    async def _load_on_device(self) -> Encoder:
        device = self._settings.device
        try:
            return await self._worker.run(lambda: self._load(self._settings, device))
        except DeviceMissingError as error:
            if self._settings.is_production:
                raise
            logger.warning("%s; using the CPU", error)
            return await self._worker.run(lambda: self._load(self._settings, "cpu"))

    @property
    def is_loaded(self) -> bool:
        """Whether texts can be encoded."""
        return self._encoder is not None

    async def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text, encoded together with those of other requests.

        :raises ProblemError: 503, while there is no model, or when too many texts wait.
        """
        return await self._batches.encode(texts)

    async def _encode(self, texts: Sequence[str]) -> list[list[float]]:
        if (encoder := self._encoder) is None:
            raise unavailable("model_unavailable", "The embedding model is not loaded.")
        result = await self._worker.run(lambda: encoder.encode(texts))
        for vector in result:
            # a zero vector has no direction, and pgvector's distance to it is not a number
            if not math.isclose(math.hypot(*vector), 1, abs_tol=1e-2):
                message = "the model made a vector that has not length 1"
                raise ArithmeticError(message)
        return result

    async def prepare(self, connection: AsyncConnection) -> None:
        """See to pgvector."""
        await vectors.create_extension(connection)

    async def verify(self, connection: AsyncConnection) -> None:
        """Compare the column with the settings."""
        await vectors.verify_column(connection, self._settings)

    async def check(self) -> Check:
        """Name the model, and say whether it is loaded."""
        facts: dict[str, object] = {"model": self._settings.embedding_model}
        if self._encoder is None:
            if self._missing is not None:
                return Check("failing", self._missing, facts)
            return Check("starting", "loading", facts)
        facts |= {
            "dimension": self._encoder.dimension,
            "backend": self._encoder.backend,
            "device": self._encoder.device,
        }
        return Check("ok", facts=facts)

    async def stop(self) -> None:
        """End the thread; a batch that is being encoded is not waited for."""
        self._batches.stop()
        self._worker.stop()
