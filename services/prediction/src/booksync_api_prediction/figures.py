"""Addresses that say what the service runs on: the model, and the state of the embeddings."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from booksync_api_prediction.dependencies import UNAUTHORIZED, Encoding, Settings, Storage
from booksync_api_prediction.embeddings import repository
from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.index import find_state, measure_recall
from booksync_common.access import User

ROUTER = APIRouter(prefix="/api/v1", tags=["figures"], responses=UNAUTHORIZED)


class CurrentModel(BaseModel):
    """The model of this moment."""

    model: str
    is_loaded: bool
    dimension: int
    backend: str | None = Field(description="null until it is loaded", examples=["torch"])
    device: str | None = Field(description="null until it is loaded", examples=["cpu"])
    similarity_threshold: float


class Rows(BaseModel):
    """How many there are."""

    model: str
    kind: Kind
    rows: int


class Recall(BaseModel):
    """The share of the true ten nearest that are found."""

    value: float
    sample: int = Field(description="rows that were asked about")


class Figures(BaseModel):
    """The state of the embeddings; rows for adults count for those who may see them."""

    model: str
    rows: list[Rows]
    stale: int = Field(description="items that a reindex would embed, by whatever model they are")
    index: Literal["none", "broken", "hnsw"] = Field(description="without one, each vector is compared")
    recall: Recall | None = Field(description="on request, and null without rows")


@ROUTER.get("/models/current", summary="The model that makes the vectors")
async def get_model(_user: User, settings: Settings, model: Encoding) -> CurrentModel:
    """Describe it."""
    facts = (await model.check()).facts
    backend, device = facts.get("backend"), facts.get("device")
    return CurrentModel(
        model=settings.model_name,
        is_loaded=model.is_loaded,
        dimension=settings.vector_dimension,
        backend=None if backend is None else str(backend),
        device=None if device is None else str(device),
        similarity_threshold=settings.similarity_threshold,
    )


@ROUTER.get("/embeddings/stats", summary="How many there are, how many are stale, and what the index finds")
async def get_stats(user: User, settings: Settings, storage: Storage, *, recall: bool = False) -> Figures:
    """Count, and measure when asked to, which takes a second or two."""
    adult = user.certify_adult
    async with storage.session() as session:
        rows = await repository.count_rows(session, adult=adult)
        stale = await repository.count_stale(session, settings.model_name, adult=adult)
        index = await find_state(session)
        measured = await measure_recall(session, settings.model_name, adult=adult) if recall else None
    return Figures(
        model=settings.model_name,
        rows=[Rows.model_validate(dict(row)) for row in rows],
        stale=stale,
        index=index,
        recall=None if measured is None else Recall(value=round(measured.value, 4), sample=measured.sample),
    )
