"""SQL of the recommendations."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Float,
    RowMapping,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.lists import any_of
from booksync_api_prediction.similarity.repository import FACTS, Filter, make_conditions
from booksync_api_prediction.tables import EMBEDDINGS, KINDS, RECOMMENDATIONS

KIND = "recommendation"


async def find_items(session: AsyncSession, ids: Sequence[UUID], *, model: str) -> Sequence[RowMapping]:
    """Return what is known of series and volumes, and whether that `is_for_everybody`, or for adults."""
    statement = select(*FACTS, is_for(adult=False).label("is_for_everybody")).where(
        EMBEDDINGS.c.model == model, EMBEDDINGS.c.kind.in_(KINDS), EMBEDDINGS.c.item_id == any_of(ids)
    )
    return (await session.execute(statement)).mappings().all()


async def find_newest(session: AsyncSession, wanted: Filter, limit: int) -> Sequence[RowMapping]:
    """Return the latest row of each of the series that were embedded last."""
    series = func.coalesce(EMBEDDINGS.c.series_id, EMBEDDINGS.c.item_id)
    order = (EMBEDDINGS.c.created_at.desc(), EMBEDDINGS.c.id)
    latest = (
        select(EMBEDDINGS.c.id)
        .ext(distinct_on(series))
        .where(*make_conditions(wanted.parts))
        .order_by(series, *order)
        .subquery()
    )
    statement = select(*FACTS).join(latest, latest.c.id == EMBEDDINGS.c.id).order_by(*order).limit(limit)
    return (await session.execute(statement, wanted.values())).mappings().all()


async def compare(
    session: AsyncSession, rows: Sequence[UUID], others: Sequence[UUID]
) -> Mapping[tuple[UUID, UUID], float]:
    """Return the cosine of each row with each other one, by their ids."""
    one, other = EMBEDDINGS.alias("one"), EMBEDDINGS.alias("other")
    statement = (
        select(one.c.id, other.c.id, (1 - one.c.embedding.cosine_distance(other.c.embedding)).cast(Float))
        .select_from(one.join(other, true()))
        .where(one.c.id == any_of(rows), other.c.id == any_of(others))
    )
    return {(first, second): cosine for first, second, cosine in await session.execute(statement)}


async def find_known(session: AsyncSession, user_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """Return series that were dismissed, and volumes that were said to be read, the latest first."""
    columns = (RECOMMENDATIONS.c.item_id, RECOMMENDATIONS.c.series_id, RECOMMENDATIONS.c.kind, RECOMMENDATIONS.c.status)
    is_dismissed = (RECOMMENDATIONS.c.kind == KIND) & (RECOMMENDATIONS.c.status == "dismissed")
    statement = (
        select(*columns)
        .where(RECOMMENDATIONS.c.user_id == user_id, or_(is_dismissed, RECOMMENDATIONS.c.status == "read"))
        .order_by(RECOMMENDATIONS.c.updated_at.desc())
    )
    rows = (await session.execute(statement)).all()
    return (
        [row.series_id or row.item_id for row in rows if row.status == "dismissed"],
        [row.item_id for row in rows if row.status == "read"],
    )


async def store(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> Mapping[UUID, UUID]:
    """Store recommendations; one that was made before stays the same. Return their ids, by item."""
    if not rows:
        return {}
    # in one order: two requests that store the same wait in a line, not in a circle
    ordered = sorted(rows, key=lambda row: row["item_id"])
    statement = insert(RECOMMENDATIONS).values([{"kind": KIND, **row} for row in ordered])
    changed = ("series_id", "title", "adult", "score", "similarity", "reasoning", "model", "threshold", "request")
    statement = statement.on_conflict_do_update(
        index_elements=["user_id", "item_id"],
        index_where=text("kind = 'recommendation'"),
        set_={name: statement.excluded[name] for name in changed} | {"updated_at": func.now()},
    )
    result = await session.execute(statement.returning(RECOMMENDATIONS.c.item_id, RECOMMENDATIONS.c.id))
    return {row.item_id: row.id for row in result}


async def dismiss(session: AsyncSession, recommendation_id: UUID, user_id: UUID) -> bool:
    """Never recommend something again; tell whether there is such a recommendation."""
    statement = (
        update(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.id == recommendation_id,
            RECOMMENDATIONS.c.user_id == user_id,
            RECOMMENDATIONS.c.kind == KIND,
        )
        .values(status="dismissed", feedback_at=func.now())
    )
    return bool((await (await session.connection()).execute(statement)).rowcount)
