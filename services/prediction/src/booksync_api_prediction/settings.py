"""What the operator of the Prediction API decides."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import AnyHttpUrl, Field

from booksync_api_prediction.program import PROGRAM
from booksync_common.auth_client import AuthClientSettings

#: pgvector's limit of an indexed column of type halfvec.
MAX_DIMENSION = 4000


class PredictionSettings(AuthClientSettings):
    """The guide's table of variables, and what every service has."""

    without_key: ClassVar[str] = "a machine needs an API key of the Auth API to embed"

    port: int = Field(default=PROGRAM.port, ge=1, le=65535)
    vector_dimension: int = Field(default=384, ge=1, le=MAX_DIMENSION)
    similarity_threshold: float = Field(default=0.7, ge=-1, le=1)
    embedding_model: str = Field(default="all-MiniLM-L6-v2", min_length=1)
    embedding_batch_size: int = Field(default=32, ge=1, le=4096)
    #: auto: torch where it is installed, else onnx.
    embedding_backend: Literal["auto", "torch", "onnx"] = "auto"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:[0-9]+)?)$")
    #: Where models lie, a folder each; EMBEDDING_MODEL is a name in it, a path, or a name on the hub.
    booksync_models: Path = Path("/usr/local/share/booksync/models")

    mangacollec_base_url: AnyHttpUrl = AnyHttpUrl("https://api.mangacollec.com")
    #: Vectors from which on an index answers: below, each is compared, which misses nothing.
    hnsw_min_rows: int = Field(default=15_000, ge=1)

    @property
    def model_name(self) -> str:
        """The model's name as it is stored with each vector; a name may carry its publisher, as on the hub."""
        return self.embedding_model.removeprefix("sentence-transformers/")

    @property
    def model_path(self) -> Path:
        """The folder of the model."""
        return self.booksync_models / self.model_name
