"""SQL of the nearest neighbours.

Without an index each vector is compared, which is exact, and fast enough for a family's library. With one (see `index`)
PostgreSQL walks HNSW's graph, and, as filters are applied to what it finds, goes on walking until there are rows enough
(pgvector's iterative scan). The index orders by distance alone, so thresholds are applied to the rows that come back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Float, RowMapping, and_, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.lists import all_of, any_of
from booksync_api_prediction.names import make_key
from booksync_api_prediction.tables import EMBEDDINGS

#: PostgreSQL's settings for the search.
SEARCH = {
    # candidates that HNSW keeps on its way, where its default is 40: it then finds 99 of 100 of the ten nearest (bench)
    "hnsw.ef_search": "500",
    "hnsw.iterative_scan": "strict_order",
}

# SQLAlchemy copies every column for an alias
_SEEDS = EMBEDDINGS.alias("seeds")

#: Columns that are compared and shown.
FACTS = [
    EMBEDDINGS.c.id,
    EMBEDDINGS.c.kind,
    EMBEDDINGS.c.item_id,
    EMBEDDINGS.c.series_id,
    EMBEDDINGS.c.title,
    EMBEDDINGS.c.number,
    EMBEDDINGS.c.kind_names,
    EMBEDDINGS.c.author_names,
    EMBEDDINGS.c.type_name,
    EMBEDDINGS.c.adult,
]


#: What reads in a transaction, or without one.
type Reading = AsyncConnection | AsyncSession
#: A vector, or SQL that has one.
type Vector = Sequence[float] | ColumnElement[Any]


@dataclass(frozen=True)
class Filter:
    """Which rows may be found."""

    model: str
    adult: bool
    kind: Kind | None = None
    kinds: Sequence[str] = ()
    types: Sequence[str] = ()
    publisher: str | None = None
    without_items: Sequence[tuple[Kind, UUID]] = ()
    without_series: Sequence[UUID] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions of a WHERE."""
        found = [EMBEDDINGS.c.model == self.model, is_for(adult=self.adult)]
        if self.kind is not None:
            found.append(EMBEDDINGS.c.kind == self.kind)
        if self.kinds:
            ids, names = _split(self.kinds)
            keys = [make_key(name) for name in names]
            found.append(or_(EMBEDDINGS.c.kinds.overlap(ids), EMBEDDINGS.c.kind_keys.overlap(keys)))
        if self.types:
            found.append(_is_named(EMBEDDINGS.c.type_id, EMBEDDINGS.c.type_name, self.types))
        if self.publisher is not None:
            found.append(_is_named(EMBEDDINGS.c.publisher_id, EMBEDDINGS.c.publisher_name, [self.publisher]))
        if self.without_items:
            found.append(tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).not_in(self.without_items))
        if self.without_series:
            # a volume whose series is unknown is of none of these
            found.append(func.coalesce(EMBEDDINGS.c.series_id, EMBEDDINGS.c.item_id) != all_of(self.without_series))
        return found


def _is_named(
    id_column: ColumnElement[UUID | None], name_column: ColumnElement[str | None], values: Sequence[str]
) -> ColumnElement[bool]:
    ids, names = _split(values)
    return or_(id_column.in_(ids), func.lower(name_column).in_([name.lower() for name in names]))


def _split(values: Sequence[str]) -> tuple[list[UUID], list[str]]:
    """Return those that are ids, and those that are names."""
    ids: list[UUID] = []
    names: list[str] = []
    for value in values:
        try:
            ids.append(UUID(value))
        except ValueError:
            names.append(value)
    return ids, names


async def search_exactly(session: AsyncSession) -> None:
    """Have the transaction search without the index, to measure how much of the truth that finds."""
    await session.execute(select(func.set_config("enable_indexscan", "off", True)))


async def find_nearest(connection: Reading, query: Vector, wanted: Filter, limit: int) -> Sequence[RowMapping]:
    """Return the rows whose vectors are closest, each with its `cosine`."""
    distance = EMBEDDINGS.c.embedding.cosine_distance(query)
    statement = (
        select(*FACTS, (1 - distance).cast(Float).label("cosine"))
        .where(*wanted.conditions())
        .order_by(distance)
        .limit(limit)
    )
    return (await connection.execute(statement)).mappings().all()


async def find_nearest_series(
    connection: Reading, query: Vector, wanted: Filter, limit: int, window: int
) -> tuple[Sequence[RowMapping], bool]:
    """Return the closest row of each of the closest series, with its `cosine`, and whether there is no more to find.

    :param window: so many of the closest rows are looked at.
    """
    distance = EMBEDDINGS.c.embedding.cosine_distance(query).label("distance")
    series = func.coalesce(EMBEDDINGS.c.series_id, EMBEDDINGS.c.item_id).label("series")
    near = (
        select(EMBEDDINGS.c.id, series, distance)
        .where(*wanted.conditions())
        .order_by(distance)
        .limit(window)
        .cte("near")
    )
    first = (
        select(near.c.id, near.c.distance)
        .ext(distinct_on(near.c.series))
        .order_by(near.c.series, near.c.distance)
        .cte("first")
    )
    rows = select(func.count()).select_from(near).scalar_subquery().label("rows")
    statement = (
        select(*FACTS, (1 - first.c.distance).cast(Float).label("cosine"), rows)
        .join(first, first.c.id == EMBEDDINGS.c.id)
        .order_by(first.c.distance)
        .limit(limit)
    )
    found = (await connection.execute(statement)).mappings().all()
    return found, not found or found[0]["rows"] < window


async def find_seeds(
    connection: Reading, items: Sequence[tuple[Kind, UUID]], *, model: str, adult: bool
) -> Sequence[RowMapping]:
    """Return the rows that stand for items: their own, or, for a series that has none, those of its volumes."""
    statement = select(*FACTS).where(EMBEDDINGS.c.model == model, is_for(adult=adult), _stands_for(items))
    rows = (await connection.execute(statement)).mappings().all()
    own = {(row["kind"], row["item_id"]) for row in rows}
    wanted = set(items)
    return [row for row in rows if (row["kind"], row["item_id"]) in wanted or ("series", row["series_id"]) not in own]


def _stands_for(items: Sequence[tuple[Kind, UUID]]) -> ColumnElement[bool]:
    series = [item_id for kind, item_id in items if kind == "series"]
    is_item = tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).in_(items)
    return or_(is_item, and_(EMBEDDINGS.c.kind == "volume", EMBEDDINGS.c.series_id.in_(series)))


def make_mean(rows: Sequence[UUID]) -> ColumnElement[Any]:
    """Return SQL for the mean vector of rows, which then needs not come here and go back."""
    return select(func.avg(_SEEDS.c.embedding)).where(_SEEDS.c.id == any_of(rows)).correlate(None).scalar_subquery()
