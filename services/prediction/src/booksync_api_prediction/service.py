"""The Prediction API: what to read next."""

from collections.abc import Mapping, Sequence

from booksync_api_prediction.model import Model
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.tables import METADATA
from booksync_api_prediction.vectors import RECREATE, recreate_column
from booksync_common.commands import Command
from booksync_common.parts import Part
from booksync_common.service import Service


def make_parts(settings: PredictionSettings) -> Sequence[Part]:
    """Make what the service consists of beside its database."""
    return [Model(settings)]


def make_migration_options(settings: PredictionSettings) -> Mapping[str, object]:
    """Say what the migrations need to know."""
    return {"vector_dimension": settings.vector_dimension}


SERVICE = Service(
    name="prediction",
    title="BookSync Prediction API",
    description="What to read next.",
    settings=PredictionSettings,
    metadata=METADATA,
    parts=make_parts,
    migration_options=make_migration_options,
    commands={
        RECREATE: Command("empty the table of vectors and give its column VECTOR_DIMENSION", recreate_column),
    },
)
