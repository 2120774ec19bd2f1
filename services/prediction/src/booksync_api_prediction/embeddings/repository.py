"""SQL of the embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.lists import any_of
from booksync_api_prediction.tables import EMBEDDINGS, KINDS
from booksync_api_prediction.texts import TEXT_VERSION

Connection = AsyncSession | AsyncConnection

# SQLAlchemy copies every column for an alias
_SERIES = EMBEDDINGS.alias("series")
# the kind as its index has it, not as a parameter, which PostgreSQL could not compare with that
_ADULT_SERIES = select(_SERIES.c.item_id).where(_SERIES.c.adult, _SERIES.c.kind == literal_column("'series'"))

_KEY = ("kind", "item_id", "model")
_GIVEN = frozenset({"id", "created_at", "updated_at", *_KEY})
_COLUMNS = [
    *(column for column in EMBEDDINGS.columns if column.name not in {"embedding", "synopsis"}),
    func.vector_dims(EMBEDDINGS.c.embedding).label("dimension"),
]


async def find_facts(connection: Connection, model: str, items: Sequence[tuple[Kind, UUID]]) -> Sequence[RowMapping]:
    """Return what is stored of items beside their vectors."""
    facts = [column for column in EMBEDDINGS.columns if column.name != "embedding"]
    statement = select(*facts).where(
        EMBEDDINGS.c.model == model, tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).in_(items)
    )
    return (await connection.execute(statement)).mappings().all()


async def find_known(connection: Connection, model: str, items: Sequence[tuple[Kind, UUID]]) -> set[tuple[str, UUID]]:
    """Return which items are stored."""
    statement = select(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).where(
        EMBEDDINGS.c.model == model,
        EMBEDDINGS.c.kind.in_(KINDS),
        EMBEDDINGS.c.item_id == any_of([item_id for _, item_id in items]),
    )
    return {(kind, item_id) for kind, item_id in await connection.execute(statement)}


async def lock(session: AsyncSession, items: Sequence[tuple[Kind, UUID]]) -> None:
    """Lock items until the end of the transaction.

    Always in one order: two that write the same items wait in a line, not in a circle.
    """
    statement = (
        select(EMBEDDINGS.c.id)
        .where(tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).in_(items))
        .order_by(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id, EMBEDDINGS.c.model)
        .with_for_update()
    )
    await session.execute(statement)


async def upsert(session: AsyncSession, rows: Sequence[Mapping[str, Any]], *, only_missing: bool = False) -> None:
    """Store items with their vectors.

    :param only_missing: whether what is stored already stays as it is.
    """
    statement = insert(EMBEDDINGS)
    changed = {column.name: column for column in statement.excluded if column.name not in _GIVEN}
    if only_missing:
        statement = statement.on_conflict_do_nothing(index_elements=_KEY)
    else:
        statement = statement.on_conflict_do_update(index_elements=_KEY, set_=changed | {"updated_at": func.now()})
    ordered = sorted(rows, key=lambda row: (row["kind"], row["item_id"]))
    await (await session.connection()).execute(statement, ordered)


async def update_facts(session: AsyncSession, model: str, kind: Kind, item_id: UUID, values: Mapping[str, Any]) -> bool:
    """Store what is beside an item's text; tell whether the text that is embedded is still that one."""
    statement = (
        EMBEDDINGS.update()
        .where(
            _is_item(kind, item_id),
            EMBEDDINGS.c.model == model,
            EMBEDDINGS.c.content_hash == values["content_hash"],
            EMBEDDINGS.c.text_version == values["text_version"],
        )
        .values(**values)
    )
    return bool((await (await session.connection()).execute(statement)).rowcount)


async def spread_adult(session: AsyncSession, model: str, items: Sequence[tuple[Kind, UUID]]) -> None:
    """Store with the other models' rows of items whether they are for adults, as the rows of this one say it."""
    own = EMBEDDINGS.alias("own")
    statement = (
        EMBEDDINGS.update()
        .where(
            tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).in_(items),
            EMBEDDINGS.c.model != model,
            own.c.model == model,
            own.c.kind == EMBEDDINGS.c.kind,
            own.c.item_id == EMBEDDINGS.c.item_id,
            own.c.adult != EMBEDDINGS.c.adult,
        )
        # a reindex goes by the row that was written last, which these are not
        .values(adult=own.c.adult, updated_at=EMBEDDINGS.c.updated_at)
    )
    await session.execute(statement)


async def find(
    connection: Connection, model: str, kind: Kind, item_id: UUID, *, adult: bool, vector: bool
) -> RowMapping | None:
    """Return an item.

    :param adult: whether one for adults may be shown.
    :param vector: whether its vector is wanted.
    """
    columns = [*_COLUMNS, EMBEDDINGS.c.embedding] if vector else _COLUMNS
    statement = select(*columns).where(_is_item(kind, item_id), EMBEDDINGS.c.model == model, is_for(adult=adult))
    return (await connection.execute(statement)).mappings().first()


async def list_page(
    connection: Connection,
    model: str,
    *,
    adult: bool,
    kind: Kind | None,
    series_id: UUID | None,
    after: tuple[str, UUID] | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Return items by kind and id.

    :param after: the last of the page before.
    """
    order = (EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id)
    statement = select(*_COLUMNS).where(EMBEDDINGS.c.model == model, is_for(adult=adult)).order_by(*order).limit(limit)
    if kind is not None:
        statement = statement.where(EMBEDDINGS.c.kind == kind)
    if series_id is not None:
        statement = statement.where(EMBEDDINGS.c.series_id == series_id)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(literal(after[0]), literal(after[1])))
    return (await connection.execute(statement)).mappings().all()


async def remove(session: AsyncSession, kind: Kind, item_id: UUID) -> int:
    """Delete an item, whatever the model."""
    result = await (await session.connection()).execute(delete(EMBEDDINGS).where(_is_item(kind, item_id)))
    return result.rowcount


async def count_stale(connection: Connection, model: str, *, adult: bool = True) -> int:
    """Count the items that a reindex would embed."""
    statement = select(func.count(func.distinct(tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id))))
    return int((await connection.scalar(statement.where(_is_stale(model), is_for(adult=adult)))) or 0)


async def find_stale(
    connection: Connection,
    model: str,
    limit: int,
    items: Sequence[tuple[Kind, UUID]] | None = None,
    *,
    after: tuple[str, UUID] | None = None,
) -> Sequence[RowMapping]:
    """Return some items that a reindex has to embed, as they were last written; those it has embedded are none.

    :param items: of these alone.
    :param after: the last of the batch before, which spares a look at all that is embedded by now.
    """
    columns = [column for column in EMBEDDINGS.columns if column.name != "embedding"]
    statement = (
        select(*columns)
        .ext(distinct_on(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id))
        .where(_is_stale(model))
        .order_by(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id, EMBEDDINGS.c.updated_at.desc())
        .limit(limit)
    )
    if items is not None:
        statement = statement.where(tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id).in_(items))
    if after is not None:
        place = tuple_(EMBEDDINGS.c.kind, EMBEDDINGS.c.item_id)
        statement = statement.where(place > tuple_(literal(after[0]), literal(after[1])))
    return (await connection.execute(statement)).mappings().all()


async def remove_other_models(connection: AsyncConnection, model: str) -> int:
    """Delete the vectors of other models, of items that have one of this model."""
    own = EMBEDDINGS.alias()
    statement = delete(EMBEDDINGS).where(
        EMBEDDINGS.c.model != model,
        exists().where(own.c.model == model, own.c.kind == EMBEDDINGS.c.kind, own.c.item_id == EMBEDDINGS.c.item_id),
    )
    return (await connection.execute(statement)).rowcount


async def count_rows(connection: Connection, *, adult: bool) -> Sequence[RowMapping]:
    """Count rows by model and kind."""
    statement = (
        select(EMBEDDINGS.c.model, EMBEDDINGS.c.kind, func.count().label("rows"))
        .where(is_for(adult=adult))
        .group_by(EMBEDDINGS.c.model, EMBEDDINGS.c.kind)
        .order_by(EMBEDDINGS.c.model, EMBEDDINGS.c.kind)
    )
    return (await connection.execute(statement)).mappings().all()


def is_for(*, adult: bool) -> ColumnElement[bool]:
    """Leave out what is for adults, itself or as a volume of such a series, unless it may be shown.

    Looked up, not stored with the volumes: they may come before their series, and a series may be found to be for all.
    By the series' rows of any model: after a change of the model, those of the new one come one by one.
    """
    if adult:
        return literal(value=True)
    # hashed once a statement, and a filter: a join might keep PostgreSQL from the order in which HNSW finds rows
    is_covered_by_none = func.coalesce(EMBEDDINGS.c.series_id, EMBEDDINGS.c.item_id).not_in(_ADULT_SERIES)
    # the planner expects a NOT IN to be true of half of the rows, and then walks no index; a null in one row of 200
    return and_(EMBEDDINGS.c.adult.is_(False), func.nullif(is_covered_by_none, literal_column("false")).is_not(None))


def _is_item(kind: Kind, item_id: UUID) -> ColumnElement[bool]:
    return and_(EMBEDDINGS.c.kind == kind, EMBEDDINGS.c.item_id == item_id)


def _is_stale(model: str) -> ColumnElement[bool]:
    """Tell a row of the model that another recipe made, and one of another model whose item has none of this one."""
    own = EMBEDDINGS.alias()
    has_own = exists().where(
        own.c.model == model, own.c.kind == EMBEDDINGS.c.kind, own.c.item_id == EMBEDDINGS.c.item_id
    )
    return or_(
        and_(EMBEDDINGS.c.model == model, EMBEDDINGS.c.text_version != TEXT_VERSION),
        and_(EMBEDDINGS.c.model != model, ~has_own),
    )
