"""The statement by which rows are written: one for a thousand as for one.

It takes an array a column (`unnest`), so that a batch costs one round trip and is no longer to parse than a single row.

A row carries the version that it is to have. One that was there is written only over the version before; one that was
not may have come meanwhile, and is then left alone and not among the answers, so that the caller plans again.

`updated_at` is the time of the write. That of the transaction's beginning may be before what another has written
meanwhile, and a client that asks for what is newer than that would not get it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Column, String, Table
from sqlalchemy.dialects import postgresql

#: Between the elements of an array in a column: unnest would flatten an array of arrays. No element has it.
SEPARATOR = "\x1f"

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def _array_type(column: Column[Any]) -> str:
    # a cast to a shorter varchar would cut without a word, where an assignment refuses
    plain = isinstance(column.type, (String, ARRAY))
    return "text[]" if plain else f"{column.type.compile(_DIALECT)}[]"


def _value(column: Column[Any]) -> str:
    is_array = isinstance(column.type, ARRAY)
    return f"string_to_array({column.name}, '{SEPARATOR}')" if is_array else column.name


def build_upsert(table: Table, names: Sequence[str], *, created_at: str, returning: str) -> str:
    """Build `given AS (…), written AS (…)`, for after WITH.

    :param names: the columns that are set, `version` among them.
    :param created_at: what it becomes in a row that was there, which is called `stored`.
    :param returning: columns of `written`.
    """
    columns = [table.c[name] for name in names]
    keys = [column.name for column in table.primary_key]
    sets = [f"{name} = excluded.{name}" for name in names if name not in keys]
    return f"""
        given AS (
            SELECT * FROM unnest({", ".join(f"CAST(:{column.name} AS {_array_type(column)})" for column in columns)})
                AS given ({", ".join(names)})
        ), written AS (
            INSERT INTO {table.fullname} AS stored ({", ".join(names)}, updated_at)
            SELECT {", ".join(map(_value, columns))}, clock_timestamp() FROM given
            ON CONFLICT ({", ".join(keys)}) DO UPDATE SET
                {", ".join(sets)}, created_at = {created_at}, updated_at = clock_timestamp()
            WHERE stored.version = excluded.version - 1
            RETURNING {returning}
        )"""  # noqa: S608 - of constants


def build_arrays(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """Turn rows into the arrays that the statement takes."""
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            value = row[name]
            columns[name].append(SEPARATOR.join(value) if isinstance(value, list) else value)
    return columns
