"""SQL of the suggestions, and of what came of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.predictions.outcomes import RECENT
from booksync_api_prediction.tables import EMBEDDINGS, RECOMMENDATIONS

KIND = "prediction"


async def add(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> Sequence[UUID]:
    """Store suggestions and return their ids, in their order."""
    statement = insert(RECOMMENDATIONS).values([{"kind": KIND, **row} for row in rows])
    result = await session.execute(statement.returning(RECOMMENDATIONS.c.id, RECOMMENDATIONS.c.item_id))
    ids = {row.item_id: row.id for row in result}
    return [ids[row["item_id"]] for row in rows]


async def find_recent(session: AsyncSession, user_id: UUID) -> Sequence[RowMapping]:
    """Return the suggestions of a user's last predictions, and those of which something came, the newest first."""
    is_own = and_(RECOMMENDATIONS.c.user_id == user_id, RECOMMENDATIONS.c.kind == KIND)
    time = RECOMMENDATIONS.c.created_at
    # the suggestions of one prediction have one time
    times = select(time).where(is_own).distinct().order_by(time.desc()).limit(RECENT)
    has_outcome = or_(RECOMMENDATIONS.c.status != "suggested", RECOMMENDATIONS.c.rating.is_not(None))
    columns = [
        RECOMMENDATIONS.c.created_at,
        RECOMMENDATIONS.c.item_id,
        RECOMMENDATIONS.c.series_id,
        RECOMMENDATIONS.c.number,
        RECOMMENDATIONS.c.status,
        RECOMMENDATIONS.c.rating,
    ]
    statement = (
        select(*columns).where(is_own, or_(has_outcome, time.in_(times))).order_by(time.desc(), RECOMMENDATIONS.c.id)
    )
    return (await session.execute(statement)).mappings().all()


async def list_page(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    adult: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Return a user's suggestions, the newest first.

    :param adult: whether those for adults may be shown.
    :param after: the last of the page before.
    """
    statement = (
        select(RECOMMENDATIONS)
        .where(RECOMMENDATIONS.c.user_id == user_id, RECOMMENDATIONS.c.kind == KIND)
        .order_by(RECOMMENDATIONS.c.created_at.desc(), RECOMMENDATIONS.c.id.desc())
        .limit(limit)
    )
    if not adult:
        statement = statement.where(~_is_adult())
    if after is not None:
        place = tuple_(RECOMMENDATIONS.c.created_at, RECOMMENDATIONS.c.id)
        statement = statement.where(place < tuple_(literal(after[0]), literal(after[1])))
    return (await connection.execute(statement)).mappings().all()


def _is_adult() -> ColumnElement[bool]:
    """Tell what was known to be for adults when it was suggested, or is now, by any model's rows."""
    items = {"volume": RECOMMENDATIONS.c.item_id, "series": RECOMMENDATIONS.c.series_id}
    is_item = or_(*(and_(EMBEDDINGS.c.kind == kind, EMBEDDINGS.c.item_id == key) for kind, key in items.items()))
    return or_(RECOMMENDATIONS.c.adult, exists().where(is_item, ~is_for(adult=False)))


async def give_feedback(
    session: AsyncSession, prediction_id: UUID, user_id: UUID, values: Mapping[str, Any], *, adult: bool
) -> RowMapping | None:
    """Note what came of a suggestion.

    :param user_id: whose it must be.
    :param adult: whether one for adults may be shown.
    """
    statement = (
        update(RECOMMENDATIONS)
        .where(
            RECOMMENDATIONS.c.id == prediction_id,
            RECOMMENDATIONS.c.user_id == user_id,
            RECOMMENDATIONS.c.kind == KIND,
        )
        .values(**values, feedback_at=func.now())
        .returning(*RECOMMENDATIONS.columns)
    )
    if not adult:
        statement = statement.where(~_is_adult())
    return (await session.execute(statement)).mappings().first()


async def export(connection: AsyncConnection, user_id: UUID, *, adult: bool) -> Sequence[RowMapping]:
    """Return all that is kept of a user.

    :param adult: whether what is for adults may be named.
    """
    named = ("title", "reasoning")
    shown = [
        column if adult or column.name not in named else case((~_is_adult(), column)).label(column.name)
        for column in RECOMMENDATIONS.columns
    ]
    statement = (
        select(*shown)
        .where(RECOMMENDATIONS.c.user_id == user_id)
        .order_by(RECOMMENDATIONS.c.created_at, RECOMMENDATIONS.c.id)
    )
    return (await connection.execute(statement)).mappings().all()


async def forget(session: AsyncSession, users: Sequence[UUID]) -> int:
    """Delete all that is kept of users."""
    statement = delete(RECOMMENDATIONS).where(RECOMMENDATIONS.c.user_id.in_(users))
    return (await (await session.connection()).execute(statement)).rowcount
