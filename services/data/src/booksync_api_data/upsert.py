"""The statement by which rows are written: one for a thousand as for one.

It takes an array a column (`unnest`), so that a batch costs one round trip and is no longer to parse than a single row,
and names those columns alone that change in any of its rows.

A row carries the version that it is to have. One that was there is written only over the version before; one that was
not may have come meanwhile, and is then left alone and not among the answers, so that the caller plans again.

`updated_at` is the time of the write. That of the transaction's beginning may be before what another has written
meanwhile, and a client that asks for what is newer than that would not get it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, String, Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

#: Between the elements of an array in a column: unnest would flatten an array of arrays. No element has it.
SEPARATOR = "\x1f"

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class Upsert:
    """How rows of a table are written."""

    table: Table
    #: SQL for columns of every row.
    computed: Mapping[str, str] = field(default_factory=dict)
    #: SQL for columns of a row that was there, which is called `stored`.
    replaced: Mapping[str, str] = field(default_factory=dict)

    async def execute(
        self,
        connection: AsyncConnection | AsyncSession,
        rows: Sequence[Mapping[str, Any]],
        changed: Collection[str],
        **values: object,
    ) -> set[UUID]:
        """Write rows.

        :param rows: each with its primary key, its version and what changes; in the order in which they are locked.
        :param changed: columns that change in any of them; of a row that is new, the others get their defaults.
        :param values: of parameters in `computed`.
        :return: `volume_id` of those that were written.
        """
        if not rows:
            return set()
        names = tuple(
            column.name for column in self.table.c if column.primary_key or column.name in {"version", *changed}
        )
        written = await connection.execute(_build(self, names), {**_build_arrays(rows, names), **values})
        return set(written.scalars())


@cache  # no more than there are sets of columns, and clients change the same few
def _build(upsert: Upsert, names: Sequence[str]) -> TextClause:
    columns = [upsert.table.c[name] for name in names]
    keys = [column.name for column in upsert.table.primary_key]
    computed = {**upsert.computed, "updated_at": "clock_timestamp()"}
    sets = [
        *(f"{name} = excluded.{name}" for name in (*names, *computed) if name not in keys),
        *(f"{name} = {value}" for name, value in upsert.replaced.items()),
    ]
    return text(f"""
        INSERT INTO {upsert.table.fullname} AS stored ({", ".join((*names, *computed))})
        SELECT {", ".join((*map(_value, columns), *computed.values()))}
        FROM unnest({", ".join(f"CAST(:{column.name} AS {_array_type(column)})" for column in columns)})
            AS given ({", ".join(names)})
        ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {", ".join(sets)} WHERE stored.version = excluded.version - 1
        RETURNING volume_id
    """)  # noqa: S608 - of constants


def _array_type(column: Column[Any]) -> str:
    # a cast to a shorter varchar would cut without a word, where an assignment refuses
    plain = isinstance(column.type, (String, ARRAY))
    return "text[]" if plain else f"{column.type.compile(_DIALECT)}[]"


def _value(column: Column[Any]) -> str:
    is_array = isinstance(column.type, ARRAY)
    return f"string_to_array({column.name}, '{SEPARATOR}')" if is_array else column.name


def _build_arrays(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    values = {name: [row[name] for row in rows] for name in names}
    return {
        name: [SEPARATOR.join(value) if isinstance(value, list) else value for value in column]
        for name, column in values.items()
    }
