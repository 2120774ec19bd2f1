"""The SQL of data.volume_extra.

What is written goes through one statement (see upsert.py), with its place in the feed of changes. A volume that was
deleted keeps its row without its facts, and its version goes on when it comes back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_data.measures import parse_length, parse_weight
from booksync_api_data.merging import LOCKS, Stored
from booksync_api_data.shared.changes import FEED
from booksync_api_data.shared.models import FIELDS, NOTHING, VolumeExtra
from booksync_api_data.tables import VOLUME_EXTRA
from booksync_api_data.upsert import Upsert
from booksync_api_data.writes import Write, build_write

_FACTS = (*FIELDS, LOCKS)
#: What is the same as a number, to sort by: in which column, and how it is made.
_NUMBERS = {
    "length": ("length_cm", parse_length),
    "height": ("height_cm", parse_length),
    "width": ("width_cm", parse_length),
    "weight": ("weight_g", parse_weight),
}

_UPSERT = Upsert(
    VOLUME_EXTRA,
    computed={
        "feed": FEED,
        "transaction_id": "(pg_current_xact_id()::text)::bigint",
        "deleted_at": "CASE WHEN :is_deleted THEN clock_timestamp() END",
    },
    replaced={
        "sequence": "DEFAULT",
        "created_at": "CASE WHEN stored.deleted_at IS NULL THEN stored.created_at ELSE now() END",
    },
)

#: What clients see of a volume, and of which they see anything.
SHOWN: Sequence[ColumnElement[Any]] = [VOLUME_EXTRA.c[name] for name in VolumeExtra.model_fields]
IS_THERE = VOLUME_EXTRA.c.deleted_at.is_(None)

#: The volumes that clients see; the ids are to be put in.
FIND = f"""
    SELECT {", ".join(VolumeExtra.model_fields)} FROM data.volume_extra
    WHERE volume_id = ANY({{}}) AND deleted_at IS NULL
"""  # noqa: S608 - of constants
_FIND = text(FIND.format("CAST(:ids AS uuid[])"))
# in the order of the ids, so that two batches do not wait for each other
_LOCK = text(f"""
    SELECT volume_id, version, updated_at, deleted_at, {", ".join(_FACTS)} FROM data.volume_extra
    WHERE volume_id = ANY(CAST(:ids AS uuid[])) ORDER BY volume_id FOR UPDATE
""")  # noqa: S608 - of constants


class VolumeRepository:
    """Volumes in the database; what was deleted is not seen."""

    nothing = NOTHING

    def __init__(self, connection: AsyncConnection | AsyncSession) -> None:
        """Use a connection, in whatever transaction it is."""
        self._connection = connection

    async def find(self, ids: Iterable[UUID]) -> dict[UUID, VolumeExtra]:
        """Return those of the volumes that there are."""
        rows = await self._connection.execute(_FIND, {"ids": list(ids)})
        return {row.volume_id: VolumeExtra.model_validate(row) for row in rows}

    async def lock(self, ids: Iterable[UUID]) -> dict[UUID, Stored]:
        """Return those of the volumes that ever were, to be written in this transaction; others that want to, wait."""
        rows = await self._connection.execute(_LOCK, {"ids": list(ids)})
        return {volume_id: _build_stored(*columns) for volume_id, *columns in rows}

    async def write(self, writes: Iterable[Write]) -> set[UUID]:
        """Write volumes that are locked or new.

        :return: those that were written; not those that somebody else has made meanwhile.
        """
        return await self._write(sorted(writes, key=lambda write: write.volume_id.int), is_deleted=False)

    async def delete(self, volume_id: UUID, stored: Stored) -> None:
        """Delete a volume that is locked."""
        await self._write([build_write(volume_id, stored, NOTHING)], is_deleted=True)

    async def _write(self, writes: Sequence[Write], *, is_deleted: bool) -> set[UUID]:
        changed = set[str]().union(*(write.changed for write in writes))
        numbers = {name: number for name, number in _NUMBERS.items() if name in changed}
        rows = [
            {
                **write.facts,
                **{column: parse(write.facts[name]) for name, (column, parse) in numbers.items()},
                "volume_id": write.volume_id,
                "version": write.version,
            }
            for write in writes
        ]
        changed.update(column for column, _ in numbers.values())
        return await _UPSERT.execute(self._connection, rows, changed, is_deleted=is_deleted)


def _build_stored(version: int, updated_at: datetime, deleted_at: datetime | None, *facts: Any) -> Stored:
    return Stored(
        facts=dict(zip(_FACTS, facts, strict=True)),
        version=version,
        is_deleted=deleted_at is not None,
        updated_at=updated_at,
    )
