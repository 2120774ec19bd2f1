"""Sessions: one a sign-in, whose refresh token is rotated."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.models import Origin, SessionRecord, User
from booksync_api_auth.repositories import users
from booksync_api_auth.tables import SESSIONS, USERS
from booksync_common.database import Database, compile_statement

#: `last_used_at` is written at most this often, so that reading does not write.
USE_INTERVAL = timedelta(minutes=1)

_NAMES = (
    "id",
    "user_id",
    "family_id",
    "generation",
    "refresh_hash",
    "prev_refresh_hash",
    "device_name",
    "user_agent",
    "ip",
    "created_at",
    "rotated_at",
    "last_used_at",
    "expires_at",
    "revoked_at",
)
_VALUES = {
    **{name: SESSIONS.c[name] for name in _NAMES},
    "ip": func.host(SESSIONS.c.ip),  # text, which nobody has to take apart and put together again
    "now": func.now(),
}
_COLUMNS = [value.label(name) for name, value in _VALUES.items()]
_LABELLED = [value.label(f"session_{name}") for name, value in _VALUES.items()]
_FIND_WITH_USER = compile_statement(
    select(*users.COLUMNS, *_LABELLED)
    .join_from(SESSIONS, USERS, SESSIONS.c.user_id == USERS.c.id)
    .where(SESSIONS.c.id == bindparam("session_id"))
)
_TOUCH = (
    update(SESSIONS)
    .where(
        SESSIONS.c.id == bindparam("session_id"),
        or_(SESSIONS.c.last_used_at.is_(None), SESSIONS.c.last_used_at <= func.now() - USE_INTERVAL),
    )
    .values(last_used_at=func.now())
)


def _parse(row: RowMapping | Mapping[str, Any], prefix: str = "") -> SessionRecord:
    return SessionRecord(**{name: row[prefix + name] for name in _VALUES})


async def find_with_user(database: Database, session_id: UUID) -> tuple[SessionRecord, User] | None:
    """Find a session and whose it is: all that the check of a token needs, in one statement."""
    rows = await database.fetch(_FIND_WITH_USER, session_id)
    return (_parse(rows[0], "session_"), users.parse_user(rows[0])) if rows else None


async def touch(database: Database, session: SessionRecord) -> None:
    """Note that a session is in use, at most once a minute."""
    if session.last_used_at is None or session.now - session.last_used_at >= USE_INTERVAL:
        async with database.reader() as connection:
            await connection.execute(_TOUCH, {"session_id": session.id})


class Sessions:
    """The table of sessions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        *,
        user_id: UUID,
        family_id: UUID,
        refresh_hash: bytes,
        device_name: str | None,
        origin: Origin,
        lifetime: timedelta | None,
    ) -> SessionRecord:
        """Store a new session.

        :param lifetime: none: for ever.
        """
        values = {
            "user_id": user_id,
            "family_id": family_id,
            "refresh_hash": refresh_hash,
            "device_name": device_name,
            "user_agent": origin.user_agent,
            "ip": origin.address,
            "last_used_at": func.now(),
            "expires_at": None if lifetime is None else func.now() + lifetime,
        }
        result = await self._session.execute(insert(SESSIONS).values(values).returning(*_COLUMNS))
        return _parse(result.mappings().one())

    async def lock_family(self, family_id: UUID) -> SessionRecord | None:
        """Find the session of a refresh token, and keep others from it until the end of the transaction.

        First the profile's row, which an event would refer to: whoever changes the profile locks in this order, too.
        """
        owner = select(SESSIONS.c.user_id).where(SESSIONS.c.family_id == family_id).scalar_subquery()
        profile = select(USERS.c.id).where(USERS.c.id == owner)
        await self._session.execute(profile.with_for_update(read=True, key_share=True))
        statement = select(*_COLUMNS).where(SESSIONS.c.family_id == family_id).with_for_update()
        row = (await self._session.execute(statement)).mappings().one_or_none()
        return None if row is None else _parse(row)

    async def rotate(self, record: SessionRecord, *, refresh_hash: bytes, lifetime: timedelta | None) -> SessionRecord:
        """Store the next refresh token."""
        values = {
            "refresh_hash": refresh_hash,
            "prev_refresh_hash": record.refresh_hash,
            "generation": record.generation + 1,
            "rotated_at": func.now(),
            "last_used_at": func.now(),
            "updated_at": func.now(),
            "expires_at": None if lifetime is None else func.now() + lifetime,
        }
        statement = update(SESSIONS).where(SESSIONS.c.id == record.id).values(values).returning(*_COLUMNS)
        return _parse((await self._session.execute(statement)).mappings().one())

    async def list_live(self, user_id: UUID) -> Sequence[SessionRecord]:
        """Return the sessions of a profile that go on, the latest used first."""
        is_live = or_(SESSIONS.c.expires_at.is_(None), SESSIONS.c.expires_at > func.now())
        return await self._list(SESSIONS.c.user_id == user_id, SESSIONS.c.revoked_at.is_(None), is_live)

    async def list(self, user_id: UUID) -> Sequence[SessionRecord]:
        """Return all sessions of a profile that are kept, the latest used first."""
        return await self._list(SESSIONS.c.user_id == user_id)

    async def _list(self, *conditions: ColumnElement[bool]) -> Sequence[SessionRecord]:
        statement = select(*_COLUMNS).where(*conditions).order_by(SESSIONS.c.last_used_at.desc(), SESSIONS.c.id)
        return [_parse(row) for row in (await self._session.execute(statement)).mappings()]

    async def revoke(self, session_id: UUID, *, user_id: UUID, reason: str) -> bool:
        """End a session of a profile.

        :return: whether it went on until now.
        """
        return await self._revoke(SESSIONS.c.id == session_id, SESSIONS.c.user_id == user_id, reason=reason) > 0

    async def revoke_all(self, user_id: UUID, *, reason: str, besides: UUID | None = None) -> int:
        """End the sessions of a profile.

        :param besides: the one that goes on.
        :return: how many.
        """
        kept = () if besides is None else (SESSIONS.c.id != besides,)
        return await self._revoke(SESSIONS.c.user_id == user_id, *kept, reason=reason)

    async def revoke_oldest(self, user_id: UUID, *, kept: int, reason: str) -> int:
        """End all sessions of a profile but the last used; one that somebody has locked is for the next time.

        :param kept: how many go on.
        :return: how many were ended.
        """
        oldest = (
            select(SESSIONS.c.id)
            .where(SESSIONS.c.user_id == user_id, SESSIONS.c.revoked_at.is_(None))
            .order_by(SESSIONS.c.last_used_at.desc(), SESSIONS.c.created_at.desc())
            .offset(kept)
        )
        free = select(SESSIONS.c.id).where(SESSIONS.c.id.in_(oldest)).with_for_update(skip_locked=True)
        return await self._revoke(SESSIONS.c.id.in_(free), reason=reason)

    async def _revoke(self, *conditions: ColumnElement[bool], reason: str) -> int:
        statement = (
            update(SESSIONS)
            .where(*conditions, SESSIONS.c.revoked_at.is_(None))
            .values(revoked_at=func.now(), revoked_reason=reason, updated_at=func.now())
            .returning(SESSIONS.c.id)
        )
        return len((await self._session.execute(statement)).all())
