"""The SQL of data.volume_extra.

Whatever is written goes through one statement, which takes arrays (`unnest`), so that a thousand rows cost one round
trip and no more to parse than one. The same statement adds to data.changes.

A write carries the version that it was planned on. A row that is locked cannot have moved on; one that was not there may
have come meanwhile, and is then left alone and not among the answers, so that the caller plans again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_data.measures import parse_length, parse_weight
from booksync_api_data.shared.changes import FEED
from booksync_api_data.shared.merging import ABSENT, Facts, Stored
from booksync_api_data.shared.models import FIELDS, LOCKS, VolumeExtra
from booksync_api_data.tables import VOLUME_EXTRA

#: Columns that a write sets, with the types of their arrays.
WRITTEN: Mapping[str, str] = {
    "volume_id": "uuid",
    "object_id": "text",
    "nb_pages": "integer",
    "length": "text",
    "height": "text",
    "width": "text",
    "weight": "text",
    "extra_info": "text",
    "source": "text",
    "length_cm": "double precision",
    "height_cm": "double precision",
    "width_cm": "double precision",
    "weight_g": "double precision",
    "version": "bigint",
    "deleted_at": "timestamptz",
    LOCKS: "text",  # joined by commas: unnest would flatten an array of arrays
}

_NAMES = ", ".join(WRITTEN)
_WRITE = text(f"""
    WITH given AS (
        SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in WRITTEN.items())})
            AS given ({_NAMES})
    ), written AS (
        INSERT INTO data.volume_extra AS volume ({_NAMES})
        SELECT {", ".join(name for name in WRITTEN if name != LOCKS)}, string_to_array({LOCKS}, ',') FROM given
        ON CONFLICT (volume_id) DO UPDATE SET
            {", ".join(f"{name} = excluded.{name}" for name in WRITTEN if name != "volume_id")},
            created_at = CASE WHEN volume.deleted_at IS NULL THEN volume.created_at ELSE now() END,
            updated_at = now()
        WHERE volume.version = excluded.version - 1
        RETURNING volume_id, version, deleted_at
    ), logged AS (
        INSERT INTO data.changes (feed, volume_id, kind, version)
        SELECT {FEED}, volume_id, CASE WHEN deleted_at IS NULL THEN 'upsert' ELSE 'delete' END, version FROM written
    )
    SELECT volume_id, version FROM written
""")  # noqa: S608 - of constants

SHOWN: Sequence[ColumnElement[Any]] = [VOLUME_EXTRA.c[name] for name in VolumeExtra.model_fields]
THERE = VOLUME_EXTRA.c.deleted_at.is_(None)

_GET = select(*SHOWN).where(VOLUME_EXTRA.c.volume_id == bindparam("volume_id"), THERE)
_FIND = text(f"""
    SELECT {", ".join(VolumeExtra.model_fields)} FROM data.volume_extra
    WHERE volume_id = ANY(CAST(:ids AS uuid[])) AND deleted_at IS NULL
""")  # noqa: S608 - of constants
_LOCK = text(f"""
    SELECT volume_id, {", ".join(FIELDS)}, {LOCKS}, version, deleted_at FROM data.volume_extra
    WHERE volume_id = ANY(CAST(:ids AS uuid[])) ORDER BY volume_id FOR UPDATE
""")  # noqa: S608 - of constants


@dataclass(frozen=True)
class Write:
    """A row as it is to be."""

    volume_id: UUID
    facts: Facts
    version: int
    is_deleted: bool = False


class VolumeRepository:
    """Volumes in the database; what was deleted is not seen."""

    def __init__(self, connection: AsyncConnection | AsyncSession) -> None:
        """Use a connection, in whatever transaction it is."""
        self._connection = connection

    async def get(self, volume_id: UUID) -> VolumeExtra | None:
        """Return what is known about a volume."""
        row = (await self._connection.execute(_GET, {"volume_id": volume_id})).one_or_none()
        return None if row is None else VolumeExtra.model_validate(row)

    async def find(self, ids: Sequence[UUID]) -> dict[UUID, VolumeExtra]:
        """Return those of the volumes that there are."""
        rows = await self._connection.execute(_FIND, {"ids": list(ids)})
        return {row.volume_id: VolumeExtra.model_validate(row) for row in rows}

    async def lock(self, ids: Iterable[UUID]) -> dict[UUID, Stored]:
        """Return what there is of volumes, to be written in this transaction; others that want to write wait.

        Rows are locked in the order of their ids, so that two batches cannot wait for each other.
        """
        wanted = list(ids)
        found = dict.fromkeys(wanted, ABSENT)
        for row in await self._connection.execute(_LOCK, {"ids": wanted}):
            facts = {name: row._mapping[name] for name in (*FIELDS, LOCKS)}
            found[row.volume_id] = Stored(facts, row.version, is_deleted=row.deleted_at is not None)
        return found

    async def write(self, writes: Iterable[Write]) -> dict[UUID, int]:
        """Write rows that are locked or new.


        :return: the versions of what was written; without those that somebody else has made meanwhile.
        """
        columns: dict[str, list[Any]] = {name: [] for name in WRITTEN}
        for write in sorted(writes, key=lambda write: write.volume_id):
            facts = write.facts
            columns["volume_id"].append(write.volume_id)
            for name in FIELDS:
                columns[name].append(facts[name])
            for name in ("length", "height", "width"):
                columns[f"{name}_cm"].append(parse_length(facts[name]))
            columns["weight_g"].append(parse_weight(facts["weight"]))
            columns["version"].append(write.version)
            columns["deleted_at"].append(deleted_at if write.is_deleted else None)
            columns[LOCKS].append(",".join(facts[LOCKS]))
        if not columns["volume_id"]:
            return {}
        rows = await self._connection.execute(_WRITE, columns)
        return {row.volume_id: row.version for row in rows}
