"""What happened: sign-ins, failures, and what ends or changes them."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.models import Event, Origin
from booksync_api_auth.tables import AUTH_EVENTS

Kind = Literal[
    "login",
    "mangacollec_login",
    "logout",
    "refresh_reuse",
    "profile_created",
    "profile_changed",
    "profile_deleted",
    "confirmation",
    "password_changed",
    "session_revoked",
    "mangacollec_linked",
    "mangacollec_unlinked",
    "api_key_created",
    "api_key_deleted",
]


class Events:
    """The table of events."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, kind: Kind, *, user_id: UUID | None, origin: Origin, success: bool = True) -> None:
        """Note an event. Nothing that was typed goes in: people type passwords where names belong."""
        values = {
            "kind": kind,
            "user_id": user_id,
            "success": success,
            "ip": origin.address,
            "user_agent": origin.user_agent,
        }
        await self._session.execute(insert(AUTH_EVENTS).values(values))

    async def delete_all(self, user_id: UUID) -> None:
        """Forget what happened to a profile that is about to go; later, nobody could tell whose it was."""
        await self._session.execute(delete(AUTH_EVENTS).where(AUTH_EVENTS.c.user_id == user_id))

    async def list(self, user_id: UUID, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return events of a profile, newest first.

        :param before: an event's id: only older ones.
        """
        columns = AUTH_EVENTS.c
        statement = select(
            columns.id, columns.kind, columns.success, columns.ip, columns.user_agent, columns.created_at
        )
        statement = statement.where(columns.user_id == user_id).order_by(columns.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(columns.id < before)
        return [
            Event(**{**row, "ip": None if row["ip"] is None else str(row["ip"])})
            for row in (await self._session.execute(statement)).mappings()
        ]
