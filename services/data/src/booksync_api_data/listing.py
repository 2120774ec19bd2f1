"""Pages of a list, each of which begins behind the last row of the one before it (keyset pagination).

Whatever is written meanwhile, no row that stays as it is is skipped or given twice. Where the list is sorted by what a
write changes, such as `updated_at`, a row that is written moves, and may be met again or not at all. By `volume_id`, as
lists are sorted without saying, no row ever moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_common.bodies import StrictModel
from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.fields import Instant

Limit = Annotated[int, Field(ge=1, le=500)]

_Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
#: How a place in a list is written, by the type of the column by which the list is sorted.
_PLACES: Mapping[type, TypeAdapter[Any]] = {
    UUID: TypeAdapter(tuple[UUID | None, UUID]),
    int: TypeAdapter(tuple[_Integer | None, UUID]),
    float: TypeAdapter(tuple[float | None, UUID]),
    datetime: TypeAdapter(tuple[Instant | None, UUID]),
    date: TypeAdapter(tuple[date | None, UUID]),
}


class Page[T](BaseModel):
    """A part of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Ask with it for what follows; null at the end.")


class PageQuery(StrictModel):
    """Which part of a list."""

    limit: Limit = 100
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


@dataclass(frozen=True)
class Listing:
    """A list: of what, which rows of it, and in which order."""

    table: Table
    columns: Sequence[ColumnElement[Any]]
    conditions: Sequence[ColumnElement[bool]]
    sort: str  # a column, after "-" where the greatest comes first
    question: str  # what cursors are bound to

    @property
    def is_descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")

    @property
    def column(self) -> Column[Any]:
        """The column by which the list is sorted."""
        return self.table.c[self.sort.removeprefix("-")]

    @property
    def place(self) -> TypeAdapter[Any]:
        """How a place in the list is written."""
        return _PLACES[self.column.type.python_type]

    def begin_after(self, value: object, volume_id: UUID) -> ColumnElement[bool]:
        """Build the condition for what follows a row; rows without a value come last."""
        key = self.table.c.volume_id
        column = self.column
        is_behind = key < volume_id if self.is_descending else key > volume_id
        if value is None:
            return and_(column.is_(None), is_behind)
        row, last = tuple_(column, key), tuple_(value, volume_id)
        follows: ColumnElement[bool] = row < last if self.is_descending else row > last
        return or_(follows, column.is_(None)) if column.nullable else follows

    def order(self) -> Sequence[ColumnElement[Any]]:
        """Return what the list is sorted by."""
        columns = [self.column, self.table.c.volume_id]
        ordered = [column.desc() if self.is_descending else column.asc() for column in columns]
        return [ordered[0].nulls_last() if self.column.nullable else ordered[0], ordered[1]]


async def fetch_page(
    connection: AsyncConnection, listing: Listing, query: PageQuery
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return the rows of a page and the cursor of the next one.

    :raises ProblemError: 400 `cursor_invalid`.
    """
    conditions = list(listing.conditions)
    if query.cursor is not None:
        place = parse_cursor(query.cursor, listing.place, question=listing.question)
        conditions.append(listing.begin_after(*place))
    sorted_by = listing.column.label("sorted_by")
    statement: Select[Any] = select(*listing.columns, sorted_by).where(*conditions).order_by(*listing.order())
    rows = (await connection.execute(statement.limit(query.limit + 1))).all()
    page = rows[: query.limit]
    if len(rows) == len(page):
        return page, None
    last = page[-1]
    return page, build_cursor((last.sorted_by, last.volume_id), listing.place, question=listing.question)
