"""The SQL of data.user_volume, where no statement is without the user that it is for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, delete, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_data.merging import Stored
from booksync_api_data.personal.models import FACTS, NOTHING, PersonalVolume
from booksync_api_data.tables import IDEMPOTENCY_KEYS, USER_VOLUME
from booksync_api_data.upsert import Upsert
from booksync_api_data.writes import Write

SHOWN: Sequence[ColumnElement[Any]] = [USER_VOLUME.c[name] for name in PersonalVolume.model_fields]

_UPSERT = Upsert(USER_VOLUME)
_FIND = text(f"""
    SELECT {", ".join(PersonalVolume.model_fields)} FROM data.user_volume
    WHERE user_id = :user_id AND volume_id = ANY(CAST(:ids AS uuid[]))
""")  # noqa: S608 - of constants
# in the order of the ids, so that two batches do not wait for each other
_LOCK = text(f"""
    SELECT volume_id, version, updated_at, {", ".join(FACTS)} FROM data.user_volume
    WHERE user_id = :user_id AND volume_id = ANY(CAST(:ids AS uuid[])) ORDER BY volume_id FOR UPDATE
""")  # noqa: S608 - of constants


class PersonalRepository:
    """What one user has said."""

    nothing = NOTHING

    def __init__(self, connection: AsyncConnection | AsyncSession, user_id: UUID) -> None:
        """Use a connection, in whatever transaction it is."""
        self._connection = connection
        self._user_id = user_id

    async def find(self, ids: Iterable[UUID]) -> dict[UUID, PersonalVolume]:
        """Return those of the volumes of which something was said."""
        rows = await self._connection.execute(_FIND, {"user_id": self._user_id, "ids": list(ids)})
        return {row.volume_id: PersonalVolume.model_validate(row) for row in rows}

    async def lock(self, ids: Iterable[UUID]) -> dict[UUID, Stored]:
        """Return those of the volumes that there are, to be written in this transaction; others that want to, wait."""
        rows = await self._connection.execute(_LOCK, {"user_id": self._user_id, "ids": list(ids)})
        return {volume_id: _build_stored(*columns) for volume_id, *columns in rows}

    async def write(self, writes: Iterable[Write]) -> set[UUID]:
        """Write volumes that are locked or new.

        :return: those that were written; not those that another request has made meanwhile.
        """
        ordered = sorted(writes, key=lambda write: write.volume_id.int)
        rows = [
            {**write.facts, "user_id": self._user_id, "volume_id": write.volume_id, "version": write.version}
            for write in ordered
        ]
        return await _UPSERT.execute(self._connection, rows, set[str]().union(*(write.changed for write in ordered)))

    async def delete(self, volume_id: UUID, _stored: Stored) -> None:
        """Delete what was said of a volume."""
        columns = USER_VOLUME.c
        await self._connection.execute(
            delete(USER_VOLUME).where(columns.user_id == self._user_id, columns.volume_id == volume_id)
        )


def _build_stored(version: int, updated_at: datetime, *facts: Any) -> Stored:
    return Stored(
        facts=dict(zip(FACTS, facts, strict=True)),
        version=version,
        updated_at=updated_at,
    )


async def forget_users(session: AsyncSession, users: Sequence[UUID]) -> int:
    """Delete everything of some users, and return how many rows that were."""
    callers = [f"user:{user_id}" for user_id in users]
    results = [
        await session.execute(delete(USER_VOLUME).where(USER_VOLUME.c.user_id.in_(users))),
        await session.execute(delete(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.caller.in_(callers))),
    ]
    return sum(cast(CursorResult[tuple[()]], result).rowcount for result in results)
