"""Keys of programs, of which the hash is stored."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_auth.models import ApiKey, Scope
from booksync_api_auth.tables import API_KEYS
from booksync_common.problems import ProblemError

#: `last_used_at` is written at most this often.
USE_INTERVAL = timedelta(minutes=1)

_COLUMNS = tuple(
    API_KEYS.c[name]
    for name in ("id", "name", "prefix", "scopes", "created_by", "created_at", "last_used_at", "expires_at")
)
_FIND = select(*_COLUMNS).where(
    API_KEYS.c.key_hash == bindparam("key_hash"),
    or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > func.now()),
)
_TOUCH = (
    update(API_KEYS)
    .where(
        API_KEYS.c.id == bindparam("key"),
        or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at <= func.now() - USE_INTERVAL),
    )
    .values(last_used_at=func.now(), updated_at=API_KEYS.c.updated_at)
)


async def find_live(connection: AsyncConnection, key_hash: bytes) -> ApiKey | None:
    """Find a key whose time is not over."""
    row = (await connection.execute(_FIND, {"key_hash": key_hash})).mappings().one_or_none()
    return None if row is None else ApiKey(**row)


async def touch(connection: AsyncConnection, key: ApiKey) -> None:
    """Note that a key is in use, at most once a minute."""
    await connection.execute(_TOUCH, {"key": key.id})


class ApiKeys:
    """The table of keys."""

    def __init__(self, session: AsyncSession) -> None:
        """Work in a transaction."""
        self._session = session

    async def list(self, created_by: UUID | None = None) -> Sequence[ApiKey]:
        """Return the keys, by name.

        :param created_by: a profile: only those that it has made.
        """
        statement = select(*_COLUMNS).order_by(API_KEYS.c.name)
        if created_by is not None:
            statement = statement.where(API_KEYS.c.created_by == created_by)
        rows = await self._session.execute(statement)
        return [ApiKey(**row) for row in rows.mappings()]

    async def add(
        self,
        *,
        name: str,
        prefix: str,
        key_hash: bytes,
        scopes: Sequence[Scope],
        created_by: UUID,
        expires_at: datetime | None,
    ) -> ApiKey:
        """Store a new key.

        :raises ProblemError: 409, when there is one of that name.
        """
        values = {
            "name": name,
            "prefix": prefix,
            "key_hash": key_hash,
            "scopes": list(scopes),
            "created_by": created_by,
            "expires_at": expires_at,
        }
        insertion = insert(API_KEYS).values(values).on_conflict_do_nothing(index_elements=[API_KEYS.c.name])
        row = (await self._session.execute(insertion.returning(*_COLUMNS))).mappings().one_or_none()
        if row is None:
            raise ProblemError(409, "api_key_name_taken", "There is an API key of this name.")
        return ApiKey(**row)

    async def delete(self, key_id: UUID) -> bool:
        """Delete a key.

        :return: whether there was one.
        """
        statement = delete(API_KEYS).where(API_KEYS.c.id == key_id).returning(API_KEYS.c.id)
        return (await self._session.execute(statement)).one_or_none() is not None
