"""SQL of the nearest neighbours.

Without an index each vector is compared, which is exact, and fast enough for a family's library. With one (see `index`)
PostgreSQL walks HNSW's graph, and, as filters are applied to what it finds, goes on walking until there are rows enough
(pgvector's iterative scan). The index orders by distance alone, so thresholds are applied to the rows that come back.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Float,
    Integer,
    RowMapping,
    Select,
    Text,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.types import TypeEngine

from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.names import make_key
from booksync_api_prediction.tables import EMBEDDINGS, KINDS

#: PostgreSQL's settings for the search.
SEARCH = {
    # candidates that HNSW keeps on its way, where its default is 40: it then finds 99 of 100 of the ten nearest (bench)
    "hnsw.ef_search": "500",
    "hnsw.iterative_scan": "strict_order",
}

_UUIDS, _TEXTS = ARRAY(Uuid), ARRAY(Text)

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


@dataclass(frozen=True)
class Mean:
    """The mean vector of rows, which needs not come here and go back; none without rows."""

    rows: Sequence[UUID]


#: A direction to search in.
type Vector = Sequence[float] | Mean


def _is_any(column: ColumnElement[Any], name: str, kind: TypeEngine[Any] = _UUIDS) -> ColumnElement[bool]:
    return column == any_(bindparam(name, type_=kind))


def _is_none(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return column != all_(bindparam(name, type_=_UUIDS))


def _is_named(
    id_column: ColumnElement[UUID | None], name_column: ColumnElement[str | None], name: str
) -> ColumnElement[bool]:
    return or_(_is_any(id_column, f"{name}_ids"), _is_any(func.lower(name_column), f"{name}_names", _TEXTS))


_SERIES = func.coalesce(EMBEDDINGS.c.series_id, EMBEDDINGS.c.item_id)

#: What a filter may ask for, with the names of its values.
_CONDITIONS = {
    "model": EMBEDDINGS.c.model == bindparam("model"),
    "for_all": is_for(adult=False),
    "kind": EMBEDDINGS.c.kind == bindparam("kind"),
    "kinds": or_(
        EMBEDDINGS.c.kinds.overlap(bindparam("kinds_ids", type_=_UUIDS)),
        EMBEDDINGS.c.kind_keys.overlap(bindparam("kinds_keys", type_=_TEXTS)),
    ),
    "types": _is_named(EMBEDDINGS.c.type_id, EMBEDDINGS.c.type_name, "types"),
    "publishers": _is_named(EMBEDDINGS.c.publisher_id, EMBEDDINGS.c.publisher_name, "publishers"),
    "without_items": and_(
        *(or_(EMBEDDINGS.c.kind != kind, _is_none(EMBEDDINGS.c.item_id, f"without_{kind}_items")) for kind in KINDS)
    ),
    # a volume whose series is unknown is of none of these
    "without_series": _is_none(_SERIES, "without_series"),
}


@dataclass(frozen=True)
class Filter:
    """Which rows may be found."""

    model: str
    adult: bool
    kind: Kind | None = None
    kinds: Sequence[str] = ()
    types: Sequence[str] = ()
    publishers: Sequence[str] = ()
    without_items: Sequence[tuple[Kind, UUID]] = ()
    without_series: Sequence[UUID] = ()

    @property
    def parts(self) -> frozenset[str]:
        """What it asks for."""
        asked = {name for name in _CONDITIONS.keys() - {"for_all"} if getattr(self, name)}
        return frozenset(asked if self.adult else {"for_all", *asked})

    def values(self) -> dict[str, Any]:
        """Return the values of its conditions."""
        kinds_ids, kinds_names = _split(self.kinds)
        types_ids, types_names = _split(self.types)
        publishers_ids, publishers_names = _split(self.publishers)
        return {
            "model": self.model,
            "kind": self.kind,
            "kinds_ids": kinds_ids,
            "kinds_keys": [make_key(name) for name in kinds_names],
            "types_ids": types_ids,
            "types_names": [name.lower() for name in types_names],
            "publishers_ids": publishers_ids,
            "publishers_names": [name.lower() for name in publishers_names],
            **{f"without_{kind}_items": [id_ for found, id_ in self.without_items if found == kind] for kind in KINDS},
            "without_series": list(self.without_series),
        }


def make_conditions(parts: Set[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of a WHERE, for a statement that is given a filter's values."""
    return [_CONDITIONS[part] for part in sorted(parts)]


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
    statement = _build_nearest(wanted.parts, by_rows=isinstance(query, Mean))
    values = {**wanted.values(), **_name_vector(query), "limit": limit}
    return (await connection.execute(statement, values)).mappings().all()


async def find_nearest_series(
    connection: Reading, query: Vector, wanted: Filter, limit: int, window: int
) -> tuple[Sequence[RowMapping], bool]:
    """Return the closest row of each of the closest series, with its `cosine`, and whether there is no more to find.

    :param window: so many of the closest rows are looked at.
    """
    statement = _build_nearest_series(wanted.parts, by_rows=isinstance(query, Mean))
    values = {**wanted.values(), **_name_vector(query), "limit": limit, "window": window}
    found = (await connection.execute(statement, values)).mappings().all()
    return found, not found or found[0]["rows"] < window


async def find_seeds(
    connection: Reading, items: Sequence[tuple[Kind, UUID]], *, model: str, adult: bool
) -> Sequence[RowMapping]:
    """Return the rows that stand for items: their own, or, for a series that has none, those of its volumes."""
    values = {"model": model, **{kind: [id_ for found, id_ in items if found == kind] for kind in KINDS}}
    rows = (await connection.execute(_build_seeds(adult=adult), values)).mappings().all()
    own = {(row["kind"], row["item_id"]) for row in rows}
    wanted = set(items)
    return [row for row in rows if (row["kind"], row["item_id"]) in wanted or ("series", row["series_id"]) not in own]


def _name_vector(query: Vector) -> dict[str, Any]:
    return {"rows": list(query.rows)} if isinstance(query, Mean) else {"vector": list(query)}


# SQLAlchemy takes longer to build one of these, and to see that it is one it knows, than to run it
@cache
def _build_nearest(parts: Set[str], *, by_rows: bool) -> Select[*tuple[Any, ...]]:
    distance = _measure_distance(by_rows=by_rows)
    return (
        select(*FACTS, (1 - distance).cast(Float).label("cosine"))
        .where(*make_conditions(parts))
        .order_by(distance)
        .limit(bindparam("limit", type_=Integer))
    )


@cache
def _build_nearest_series(parts: Set[str], *, by_rows: bool) -> Select[*tuple[Any, ...]]:
    distance = _measure_distance(by_rows=by_rows).label("distance")
    near = (
        select(EMBEDDINGS.c.id, _SERIES.label("series"), distance)
        .where(*make_conditions(parts))
        .order_by(distance)
        .limit(bindparam("window", type_=Integer))
        .cte("near")
    )
    first = (
        select(near.c.id, near.c.distance)
        .ext(distinct_on(near.c.series))
        .order_by(near.c.series, near.c.distance)
        .cte("first")
    )
    rows = select(func.count()).select_from(near).scalar_subquery().label("rows")
    return (
        select(*FACTS, (1 - first.c.distance).cast(Float).label("cosine"), rows)
        .join(first, first.c.id == EMBEDDINGS.c.id)
        .order_by(first.c.distance)
        .limit(bindparam("limit", type_=Integer))
    )


@cache
def _build_seeds(*, adult: bool) -> Select[*tuple[Any, ...]]:
    is_volume = EMBEDDINGS.c.kind == "volume"
    stands_for = or_(
        and_(EMBEDDINGS.c.kind == "series", _is_any(EMBEDDINGS.c.item_id, "series")),
        and_(is_volume, _is_any(EMBEDDINGS.c.item_id, "volume")),
        and_(is_volume, _is_any(EMBEDDINGS.c.series_id, "series")),
    )
    return select(*FACTS).where(EMBEDDINGS.c.model == bindparam("model"), is_for(adult=adult), stands_for)


def _measure_distance(*, by_rows: bool) -> ColumnElement[float]:
    seeds = EMBEDDINGS.alias("seeds")
    query: ColumnElement[Any] = bindparam("vector", type_=EMBEDDINGS.c.embedding.type)
    if by_rows:
        query = select(func.avg(seeds.c.embedding)).where(_is_any(seeds.c.id, "rows")).correlate(None).scalar_subquery()
    distance: ColumnElement[float] = EMBEDDINGS.c.embedding.cosine_distance(query)
    return distance
