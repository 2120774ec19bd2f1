"""The Prediction API: what to read next."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.backends import load_encoder
from booksync_api_prediction.collection.client import Collections
from booksync_api_prediction.embeddings.routes import ROUTER as EMBEDDINGS
from booksync_api_prediction.figures import ROUTER as FIGURES
from booksync_api_prediction.index import JOB as INDEX
from booksync_api_prediction.index import Indexing, make_index_handler
from booksync_api_prediction.jobs.handlers import make_bulk_handler, make_reindex_handler
from booksync_api_prediction.jobs.routes import ROUTER as JOBS
from booksync_api_prediction.jobs.runner import Runner
from booksync_api_prediction.me import ROUTER as ME
from booksync_api_prediction.model import Load, Model
from booksync_api_prediction.phrases import Phrases
from booksync_api_prediction.predictions import history
from booksync_api_prediction.predictions.routes import ROUTER as PREDICTIONS
from booksync_api_prediction.program import PROGRAM, RECREATE
from booksync_api_prediction.recommendations.routes import ROUTER as RECOMMENDATIONS
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.similarity.repository import SEARCH
from booksync_api_prediction.similarity.routes import ROUTER as SIMILARITY
from booksync_api_prediction.tables import METADATA
from booksync_api_prediction.vectors import recreate_column
from booksync_common.auth_client import AuthClient
from booksync_common.departures import Departures
from booksync_common.introspection import Introspection
from booksync_common.parts import Part
from booksync_common.service import Service


def make_parts(settings: PredictionSettings, *, load: Load = load_encoder) -> Sequence[Part]:
    """Make what the service consists of beside its database.

    :param load: tests give another model.
    """
    model = Model(settings, load=load)
    auth = AuthClient(settings.auth_addresses)
    collections = Collections(auth, str(settings.mangacollec_base_url))

    async def forget(session: AsyncSession, users: Sequence[UUID]) -> int:
        for user_id in users:
            collections.forget(user_id)
        return await history.forget(session, users)

    handlers = {
        "bulk": make_bulk_handler(settings, model),
        "reindex": make_reindex_handler(settings, model),
        INDEX: make_index_handler(),
    }
    runner = Runner(handlers, model=settings.model_name)
    return [
        model,
        Phrases(model),
        Introspection(auth),
        Departures(auth, forget),
        collections,
        runner,
        Indexing(settings, runner),
    ]


def both_roots(router: APIRouter) -> list[APIRouter]:
    """Serve routes under /api/v1, and without it for clients that have always asked there."""
    versioned, plain = APIRouter(prefix="/api/v1"), APIRouter(include_in_schema=False)
    versioned.include_router(router)
    plain.include_router(router)
    return [versioned, plain]


def make_migration_options(settings: PredictionSettings) -> Mapping[str, object]:
    """Say what the migrations need to know."""
    return {"vector_dimension": settings.vector_dimension}


_PILE = 4 * 1024**2  # bytes: 5,000 volumes with titles and kinds, and 20,000 ids

SERVICE = Service(
    program=PROGRAM,
    title="BookSync Prediction API",
    settings=PredictionSettings,
    metadata=METADATA,
    # the fixed addresses before those with a name in them
    routers=[*both_roots(PREDICTIONS), RECOMMENDATIONS, SIMILARITY, FIGURES, JOBS, EMBEDDINGS, ME],
    large_bodies={
        ("POST", "/api/v1/embeddings/bulk"): 8 * 1024**2,  # 500 series with 16,000 characters each
        ("POST", "/api/v1/recommendations"): 2 * 1024**2,  # 40,000 ids
        ("POST", "/api/v1/predict"): _PILE,
        ("POST", "/predict"): _PILE,
    },
    parts=make_parts,
    server_settings=SEARCH,
    migration_options=make_migration_options,
    commands={RECREATE: recreate_column},
)
