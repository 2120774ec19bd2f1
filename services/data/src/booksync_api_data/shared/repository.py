"""The SQL of data.volume_extra.

What is written goes through one statement (see upsert.py), which also writes its place in the feed of changes.
A volume that was deleted keeps its row without its facts, and its version goes on when it comes back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_data.measures import parse_length, parse_weight
from booksync_api_data.merging import LOCKS, Stored
from booksync_api_data.shared.changes import FEED
from booksync_api_data.shared.models import FIELDS, NOTHING, VolumeExtra
from booksync_api_data.tables import VOLUME_EXTRA
from booksync_api_data.upsert import build_arrays, build_upsert
from booksync_api_data.writes import Write

_FACTS = (*FIELDS, LOCKS)
_COMPUTED = ("length_cm", "height_cm", "width_cm", "weight_g")
WRITTEN = ("volume_id", *_FACTS, *_COMPUTED, "version", "deleted_at")

_UPSERT = build_upsert(
    VOLUME_EXTRA,
    WRITTEN,
    created_at="CASE WHEN stored.deleted_at IS NULL THEN stored.created_at ELSE now() END",
    returning="volume_id, version, deleted_at, updated_at",
)
_WRITE = text(f"""
    WITH {_UPSERT}, told AS (
        INSERT INTO data.changes (volume_id, feed, transaction_id, kind, version, updated_at)
        SELECT volume_id, {FEED}, (pg_current_xact_id()::text)::bigint,
            CASE WHEN deleted_at IS NULL THEN 'upsert' ELSE 'delete' END, version, updated_at
        FROM written
        ON CONFLICT (volume_id) DO UPDATE SET feed = excluded.feed, transaction_id = excluded.transaction_id,
            sequence = DEFAULT, kind = excluded.kind, version = excluded.version, updated_at = excluded.updated_at
    )
    SELECT volume_id FROM written
""")  # noqa: S608 - of constants

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
        return await self._write([_build_row(write) for write in sorted(writes, key=lambda write: write.volume_id.int)])

    async def delete(self, volume_id: UUID, stored: Stored) -> None:
        """Delete a volume that is locked."""
        row = _build_row(Write(volume_id, NOTHING, stored.version + 1))
        await self._write([row | {"deleted_at": datetime.now(UTC)}])

    async def _write(self, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
        if not rows:
            return set()
        written = await self._connection.execute(_WRITE, build_arrays(rows, WRITTEN))
        return set(written.scalars())


def _build_stored(version: int, updated_at: datetime, deleted_at: datetime | None, *facts: Any) -> Stored:
    return Stored(
        facts=dict(zip(_FACTS, facts, strict=True)),
        version=version,
        is_deleted=deleted_at is not None,
        updated_at=updated_at,
    )


def _build_row(write: Write) -> dict[str, Any]:
    facts = write.facts
    return {
        **facts,
        "volume_id": write.volume_id,
        **{f"{name}_cm": parse_length(facts[name]) for name in ("length", "height", "width")},
        "weight_g": parse_weight(facts["weight"]),
        "version": write.version,
        "deleted_at": None,
    }
