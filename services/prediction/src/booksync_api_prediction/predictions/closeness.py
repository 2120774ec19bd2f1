"""SQL that compares volumes with a wish and with what was read; vectors stay in the database."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Float,
    RowMapping,
    Uuid,
    and_,
    any_,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.tables import EMBEDDINGS

#: Of the series that were read, those whose closeness counts: one is chance, all are nobody's taste.
CLOSEST = 3


async def find_rows(
    session: AsyncSession, volumes: Sequence[UUID], series: Sequence[UUID], *, model: str
) -> Sequence[RowMapping]:
    """Return what is known of volumes and series."""
    columns = [
        EMBEDDINGS.c.id,
        EMBEDDINGS.c.kind,
        EMBEDDINGS.c.item_id,
        EMBEDDINGS.c.series_id,
        EMBEDDINGS.c.number,
        EMBEDDINGS.c.title,
        EMBEDDINGS.c.kind_names,
        EMBEDDINGS.c.author_names,
        EMBEDDINGS.c.type_name,
        EMBEDDINGS.c.adult,
    ]
    statement = select(*columns).where(
        EMBEDDINGS.c.model == model,
        or_(
            and_(EMBEDDINGS.c.kind == "volume", EMBEDDINGS.c.item_id == _any(volumes)),
            and_(EMBEDDINGS.c.kind == "series", EMBEDDINGS.c.item_id == _any(series)),
        ),
    )
    return (await session.execute(statement)).mappings().all()


async def find_lengths(session: AsyncSession, series: Sequence[UUID], *, model: str) -> Mapping[UUID, int]:
    """Return the highest number of a volume that is known, by series."""
    statement = (
        select(EMBEDDINGS.c.series_id, func.max(EMBEDDINGS.c.number))
        .where(EMBEDDINGS.c.model == model, EMBEDDINGS.c.series_id == _any(series), EMBEDDINGS.c.number.is_not(None))
        .group_by(EMBEDDINGS.c.series_id)
    )
    return {series_id: length for series_id, length in (await session.execute(statement)).tuples() if series_id}


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
    statement = select(candidate.c.id, with_wish, with_read).where(candidate.c.id == _any(rows))
    return {row_id: (one, other) for row_id, one, other in (await session.execute(statement)).tuples()}


async def find_closest(
    session: AsyncSession, rows: Sequence[UUID], read: Sequence[UUID]
) -> Mapping[UUID, tuple[UUID, float]]:
    """Return, for each row, the row of what was read that is closest, and their cosine."""
    candidate, other = EMBEDDINGS.alias("candidate"), EMBEDDINGS.alias("other")
    distance = candidate.c.embedding.cosine_distance(other.c.embedding)
    closest = (
        select(other.c.id, (1 - distance).cast(Float).label("cosine"))
        .where(
            other.c.id == _any(read),
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
        .where(candidate.c.id == _any(rows))
    )
    return {row_id: (found, cosine) for row_id, found, cosine in (await session.execute(statement)).tuples()}


def _read_series(rows: Sequence[UUID]) -> CTE:
    """Return one vector a series: who has read a hundred volumes of one has no hundred tastes."""
    read = EMBEDDINGS.alias("read")
    return (
        select(func.avg(read.c.embedding, type_=VECTOR()).label("embedding"))
        .where(read.c.id == _any(rows))
        .group_by(func.coalesce(read.c.series_id, read.c.item_id))
        .cte("taste")
    )


def _any(values: Sequence[UUID]) -> ColumnElement[bool]:
    """Make one parameter of a list, so that a statement is the same, and prepared once, however long the list is."""
    return any_(literal(list(values), ARRAY(Uuid)))
