"""Addresses of what is similar."""

import math
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import RowMapping

from booksync_api_prediction.dependencies import UNAUTHORIZED, Encoding, Settings, Storage
from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.languages import Speech
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.similarity import finding, repository
from booksync_api_prediction.similarity.bodies import (
    Hit,
    Hits,
    Reference,
    SearchBody,
    Similar,
    SimilarBody,
    Wanted,
)
from booksync_api_prediction.similarity.finding import find_similar, read_facts
from booksync_api_prediction.similarity.fusion import Facts, merge
from booksync_api_prediction.similarity.repository import Filter
from booksync_common.access import User
from booksync_common.introspection import Caller
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

ROUTER = APIRouter(prefix="/api/v1", tags=["similarity"], responses=UNAUTHORIZED)

NOT_EMBEDDED = describe_errors({404: "not_embedded"})
NOT_ENCODED = describe_errors({503: "model_unavailable, encoder_busy"})


@ROUTER.get("/similar/{kind}/{item_id}", summary="Series that are like a series or a volume", responses=NOT_EMBEDDED)
async def get_similar(
    kind: Kind,
    item_id: UUID,
    wanted: Annotated[Wanted, Query()],
    user: User,
    settings: Settings,
    storage: Storage,
    language: Speech,
) -> Similar:
    """Find by an item."""
    seeds = [Reference(kind=kind, id=item_id)]
    return await _find_by_items(seeds, wanted, user, settings, storage, language)


@ROUTER.post(
    "/similar", summary="Series that are like a text, or like several items", responses=NOT_EMBEDDED | NOT_ENCODED
)
async def post_similar(
    body: SimilarBody, user: User, settings: Settings, model: Encoding, storage: Storage, language: Speech
) -> Similar:
    """Find by a text or by items."""
    if body.text is None:
        return await _find_by_items(body.items, body, user, settings, storage, language)
    (vector,) = await model.encode([_require_text(body.text)])
    async with storage.reader() as connection:
        return await find_similar(
            connection,
            finding.Query(vector, Facts()),
            _make_filter(body, user, settings),
            limit=body.limit,
            threshold=_choose_threshold(body, settings),
            language=language,
        )


@ROUTER.post("/embeddings/search", summary="Items whose vectors are closest, one by one", responses=NOT_ENCODED)
async def search(body: SearchBody, user: User, settings: Settings, model: Encoding, storage: Storage) -> Hits:
    """Find by a text or a vector, by the cosine alone."""
    if body.vector is None:
        (query,) = await model.encode([_require_text(body.text or "")])
    else:
        query = _require_direction(body.vector, settings.vector_dimension)
    wanted = Filter(settings.model_name, adult=user.certify_adult, kind=body.kind)
    async with storage.reader() as connection:
        rows = await repository.find_nearest(connection, query, wanted, body.limit)
    floor = -1 if body.min_cosine is None else body.min_cosine
    return Hits(items=[_make_hit(row) for row in rows if row["cosine"] >= floor], model=settings.model_name)


async def _find_by_items(
    items: Sequence[Reference],
    wanted: Wanted,
    user: Caller,
    settings: PredictionSettings,
    storage: Storage,
    language: Speech,
) -> Similar:
    keys = [(item.kind, item.id) for item in items]
    async with storage.reader() as connection:
        rows = await repository.find_seeds(connection, keys, model=settings.model_name, adult=user.certify_adult)
        found = {(row["kind"], row["item_id"]) for row in rows} | {("series", row["series_id"]) for row in rows}
        unknown = [item for item in items if (item.kind, item.id) not in found]
        if not rows:
            raise finding.not_embedded()
        query = finding.Query(
            repository.Mean([row["id"] for row in rows]), merge([read_facts(row) for row in rows]), unknown
        )
        own = {row["series_id"] or row["item_id"] for row in rows}
        # a series is its volumes, a volume is not its series
        series = own if wanted.exclude_same_series else {item.id for item in items if item.kind == "series"}
        return await find_similar(
            connection,
            query,
            _make_filter(wanted, user, settings, items=keys, series=sorted(series)),
            limit=wanted.limit,
            threshold=_choose_threshold(wanted, settings),
            language=language,
        )


def _make_filter(
    wanted: Wanted,
    user: Caller,
    settings: PredictionSettings,
    *,
    items: Sequence[tuple[Kind, UUID]] = (),
    series: Sequence[UUID] = (),
) -> Filter:
    return Filter(
        settings.model_name,
        adult=user.certify_adult and wanted.adult,
        kinds=wanted.kinds,
        types=wanted.types,
        publishers=() if wanted.publisher is None else (wanted.publisher,),
        without_items=items,
        without_series=series,
    )


def _choose_threshold(wanted: Wanted, settings: PredictionSettings) -> float:
    return settings.similarity_threshold if wanted.min_similarity is None else wanted.min_similarity


def _require_text(text: str) -> str:
    if not text:
        raise ProblemError(422, "empty_text", "The text has no words in it.")
    return text


def _require_direction(vector: list[float], dimension: int) -> list[float]:
    if len(vector) != dimension:
        detail = f"The vector has {len(vector)} numbers, and those of the current model have {dimension}."
        raise ProblemError(422, "wrong_dimension", detail)
    length = math.hypot(*vector)
    if not 1e-3 < length < 1e6:
        raise ProblemError(422, "no_direction", "The vector is zero, or too long: its direction cannot be compared.")
    return [value / length for value in vector]


def _make_hit(row: RowMapping) -> Hit:
    return Hit(
        kind=row["kind"],
        id=row["item_id"],
        series_id=row["series_id"],
        title=row["title"],
        number=row["number"],
        cosine=round(row["cosine"], 4),
    )
