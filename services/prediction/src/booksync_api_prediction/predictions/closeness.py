"""SQL that compares volumes with a wish and with what was read; vectors stay in the database."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    CTE,
    Float,
    RowMapping,
    and_,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.lists import any_of
from booksync_api_prediction.similarity.repository import FACTS
from booksync_api_prediction.tables import EMBEDDINGS

#: Of the series that were read, those whose closeness counts: one is chance, all are nobody's taste.
CLOSEST = 3


async def find_rows(
    session: AsyncSession, volumes: Sequence[UUID], series: Sequence[UUID], *, model: str
) -> Sequence[RowMapping]:
    """Return what is known of volumes and series."""
    statement = select(*FACTS).where(
        EMBEDDINGS.c.model == model,
        or_(
            and_(EMBEDDINGS.c.kind == "volume", EMBEDDINGS.c.item_id == any_of(volumes)),
            and_(EMBEDDINGS.c.kind == "series", EMBEDDINGS.c.item_id == any_of(series)),
        ),
    )
    return (await session.execute(statement)).mappings().all()


async def find_lengths(session: AsyncSession, series: Sequence[UUID], *, model: str) -> Mapping[UUID, int]:
    """Return the highest number of a volume that is known, by series."""
    statement = (
        select(EMBEDDINGS.c.series_id, func.max(EMBEDDINGS.c.number))
        .where(EMBEDDINGS.c.model == model, EMBEDDINGS.c.series_id == any_of(series), EMBEDDINGS.c.number.is_not(None))
        .group_by(EMBEDDINGS.c.series_id)
    )
    return {series_id: length for series_id, length in await session.execute(statement) if series_id}


async def compare(
    session: AsyncSession, rows: Sequence[UUID], *, wish: Sequence[float] | None, read: Sequence[UUID]
) -> Mapping[UUID, tuple[float | None, float | None]]:
    """Return the cosines of rows with a wish, and the mean of those with the series that were read and are closest.

    :param rows: ids of rows, as `read`.
    """
    candidate = EMBEDDINGS.alias("candidate")
    taste = _read_series(read)
    cosines = (
        select((1 - candidate.c.embedding.cosine_distance(taste.c.embedding)).cast(Float).label("cosine"))
        .select_from(taste)
        .correlate(candidate)
        .order_by(candidate.c.embedding.cosine_distance(taste.c.embedding))
        .limit(CLOSEST)
        .subquery("closest")
    )
    with_wish = null() if wish is None else (1 - candidate.c.embedding.cosine_distance(wish)).cast(Float)
    with_read = select(func.avg(cosines.c.cosine)).scalar_subquery()
    statement = select(candidate.c.id, with_wish, with_read).where(candidate.c.id == any_of(rows))
    return {row_id: (one, other) for row_id, one, other in await session.execute(statement)}


async def find_closest(
    session: AsyncSession, rows: Sequence[UUID], read: Sequence[UUID]
) -> Mapping[UUID, tuple[UUID, float]]:
    """Return, for each row, the row of what was read that is closest, and their cosine."""
    candidate, other = EMBEDDINGS.alias("candidate"), EMBEDDINGS.alias("other")
    distance = candidate.c.embedding.cosine_distance(other.c.embedding)
    closest = (
        select(other.c.id, (1 - distance).cast(Float).label("cosine"))
        .where(
            other.c.id == any_of(read),
            func.coalesce(other.c.series_id, other.c.item_id)
            != func.coalesce(candidate.c.series_id, candidate.c.item_id),
        )
        .order_by(distance)
        .limit(1)
        .lateral("closest")
    )
    statement = (
        select(candidate.c.id, closest.c.id, closest.c.cosine)
        .select_from(candidate.join(closest, true()))
        .where(candidate.c.id == any_of(rows))
    )
    return {row_id: (found, cosine) for row_id, found, cosine in await session.execute(statement)}


async def find_harmless(session: AsyncSession, rows: Sequence[UUID]) -> set[UUID]:
    """Return those of rows that everybody may see."""
    statement = select(EMBEDDINGS.c.id).where(EMBEDDINGS.c.id == any_of(rows), is_for(adult=False))
    return set(await session.scalars(statement))


def _read_series(rows: Sequence[UUID]) -> CTE:
    """Return one vector a series: who has read a hundred volumes of one has no hundred tastes."""
    read = EMBEDDINGS.alias("read")
    return (
        select(func.avg(read.c.embedding, type_=VECTOR()).label("embedding"))
        .where(read.c.id == any_of(rows))
        .group_by(func.coalesce(read.c.series_id, read.c.item_id))
        .cte("taste")
    )
