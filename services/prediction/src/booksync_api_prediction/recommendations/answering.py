"""From a question to its answer: what is known of the user, what is near to it, what is stored and shown of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.languages import Language
from booksync_api_prediction.recommendations import repository
from booksync_api_prediction.recommendations.bodies import (
    Notice,
    Recommendation,
    RecommendationQuery,
    Recommendations,
)
from booksync_api_prediction.recommendations.recommending import Rated, find_rated, pick
from booksync_api_prediction.recommendations.sources import Owned, find_seeds
from booksync_api_prediction.recommendations.wording import word
from booksync_api_prediction.similarity.reasons import give_reasons
from booksync_api_prediction.similarity.repository import Filter
from booksync_api_prediction.weights import RELEVANCE
from booksync_common.database import Database


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks, and how."""

    user_id: UUID
    adult: bool
    threshold: float
    model: str
    language: Language


async def recommend(
    query: RecommendationQuery, given: Owned | None, asking: Asking, storage: Database
) -> Recommendations:
    """Recommend.

    :param given: None to go by the history alone.
    """
    threshold = asking.threshold if query.min_similarity is None else query.min_similarity
    async with storage.session() as session:
        dismissed, said = await repository.find_known(session, asking.user_id)
        owned = Owned(said, said, "history") if given is None else given
        ids = list(dict.fromkeys([*owned.owned, *said]))
        rows = await _find_items(session, ids, asking.model)
        works = {row["series_id"] or row["item_id"] for row in rows}
        wanted = Filter(
            asking.model,
            adult=asking.adult,
            kinds=query.kinds,
            without_series=sorted(works.union(owned.owned, dismissed)),
        )
        visible = rows if asking.adult else [row for row in rows if row["is_for_everybody"]]
        seeds = find_seeds(visible, [*said, *owned.read])
        rated = await find_rated(session, seeds, wanted)
        passing = [item for item in rated if (item.similarity or 0.0) >= (query.min_similarity or 0.0)]
        relevance = RELEVANCE if query.diversity is None else 1 - query.diversity
        picked = await pick(session, passing, relevance=relevance, limit=query.limit)
        made = [_make_row(item, query, asking, threshold) for item in picked]
        keys = await repository.store(session, made)
    notice: Notice | None = "no_embeddings" if not rated else None if seeds else "no_taste"
    return Recommendations(
        items=[_show(keys, item, row, threshold, asking.language) for item, row in zip(picked, made, strict=True)],
        notice=notice,
        threshold_applied=threshold,
        below_threshold=sum((item.similarity or 0.0) < threshold for item in rated),
        considered=len(rated),
        best_similarity=max((round(item.similarity, 4) for item in rated if item.similarity is not None), default=None),
        unknown=len(set(owned.owned) - {row["item_id"] for row in visible}),
        source=owned.source,
        model=asking.model,
    )


async def _find_items(session: AsyncSession, ids: Sequence[UUID], model: str) -> Sequence[RowMapping]:
    """Return what is known of items, and of the series of those that are volumes."""
    rows = await repository.find_items(session, ids, model=model)
    series = {row["series_id"] for row in rows} - {row["item_id"] for row in rows} - {None}
    return [*rows, *(await repository.find_items(session, sorted(series), model=model) if series else ())]


def _make_row(item: Rated, query: RecommendationQuery, asking: Asking, threshold: float) -> dict[str, Any]:
    return {
        "user_id": asking.user_id,
        "request": query.model_dump(mode="json", include={"limit", "min_similarity", "kinds", "diversity"}),
        "item_id": item.row["item_id"],
        "series_id": item.row["series_id"],
        "title": item.row["title"],
        "adult": item.row["adult"],
        "score": item.score,
        "similarity": item.similarity,
        "reasoning": word(item, asking.language),
        "model": asking.model,
        "threshold": threshold,
    }


def _show(
    keys: Mapping[UUID, UUID], item: Rated, row: Mapping[str, Any], threshold: float, language: Language
) -> Recommendation:
    return Recommendation(
        id=keys[item.row["item_id"]],
        series_id=item.row["series_id"],
        kind=item.row["kind"],
        item_id=item.row["item_id"],
        title=item.row["title"],
        score=round(item.score, 4),
        similarity=None if item.similarity is None else round(item.similarity, 4),
        is_close=item.similarity is not None and item.similarity >= threshold,
        because_of=None if item.closest is None else item.closest["title"] or None,
        reasons=[] if item.closest is None else give_reasons(item.cosine, item.overlap, language),
        reasoning=row["reasoning"],
    )
