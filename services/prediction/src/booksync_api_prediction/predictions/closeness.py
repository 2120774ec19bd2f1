"""SQL that compares volumes with a wish and with what was read; vectors stay in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    CTE,
    ColumnElement,
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


@dataclass(frozen=True)
class Closest:
    """What was read and is closest to something."""

    row_id: UUID
    cosine: float
    is_for_everybody: bool  # or for adults


async def find_rows(
    session: AsyncSession, volumes: Sequence[UUID], series: Sequence[UUID], *, model: str
) -> Sequence[RowMapping]:
    """Return what is known of volumes and series."""
    statement = select(*FACTS).where(EMBEDDINGS.c.model == model, _is_one_of(volumes, series))
    return (await session.execute(statement)).mappings().all()


async def find_adult(session: AsyncSession, volumes: Sequence[UUID], series: Sequence[UUID]) -> frozenset[UUID]:
    """Return which volumes and series any model's rows know to be for adults, themselves or by their series."""
    statement = select(EMBEDDINGS.c.item_id).where(_is_one_of(volumes, series), ~is_for(adult=False))
    return frozenset(await session.scalars(statement))


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


async def find_closest(session: AsyncSession, rows: Sequence[UUID], read: Sequence[UUID]) -> Mapping[UUID, Closest]:
    """Return, for each row, what was read and is closest."""
    candidate, other = EMBEDDINGS.alias("candidate"), EMBEDDINGS
    distance = candidate.c.embedding.cosine_distance(other.c.embedding)
    closest = (
        select(
            other.c.id.label("row_id"),
            (1 - distance).cast(Float).label("cosine"),
            is_for(adult=False).label("is_for_everybody"),
        )
        .where(
            other.c.id == any_of(read),
            func.coalesce(other.c.series_id, other.c.item_id)
            != func.coalesce(candidate.c.series_id, candidate.c.item_id),
        )
        .correlate(candidate)
        .order_by(distance)
        .limit(1)
        .lateral("closest")
    )
    statement = (
        select(candidate.c.id, closest.c.row_id, closest.c.cosine, closest.c.is_for_everybody)
        .select_from(candidate.join(closest, true()))
        .where(candidate.c.id == any_of(rows))
    )
    return {row_id: Closest(*values) for row_id, *values in await session.execute(statement)}


def _is_one_of(volumes: Sequence[UUID], series: Sequence[UUID]) -> ColumnElement[bool]:
    return or_(
        and_(EMBEDDINGS.c.kind == "volume", EMBEDDINGS.c.item_id == any_of(volumes)),
        and_(EMBEDDINGS.c.kind == "series", EMBEDDINGS.c.item_id == any_of(series)),
    )


def _read_series(rows: Sequence[UUID]) -> CTE:
    """Return one vector a series: who has read a hundred volumes of one has no hundred tastes."""
    read = EMBEDDINGS.alias("read")
    return (
        select(func.avg(read.c.embedding, type_=HALFVEC()).label("embedding"))
        .where(read.c.id == any_of(rows))
        .group_by(func.coalesce(read.c.series_id, read.c.item_id))
        .cte("taste")
    )
