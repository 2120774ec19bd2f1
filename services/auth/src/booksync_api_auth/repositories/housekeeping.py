"""Drop what nobody asks for any more; done at sign-ins, also those that fail, as they are what makes it."""

from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.repositories.rate_limits import RateLimits
from booksync_api_auth.tables import AUTH_EVENTS, SESSIONS

#: A session that is over is kept for a while, so that its tokens are told apart from foreign ones.
SESSIONS_KEPT = timedelta(days=30)
EVENTS_KEPT = timedelta(days=365)


async def purge(session: AsyncSession) -> None:
    """Drop old limits, sessions and events; those that somebody else has locked are for the next time."""
    await RateLimits(session).purge()
    end = func.now() - SESSIONS_KEPT
    over = select(SESSIONS.c.id).where(or_(SESSIONS.c.revoked_at < end, SESSIONS.c.expires_at < end))
    await session.execute(delete(SESSIONS).where(SESSIONS.c.id.in_(over.with_for_update(skip_locked=True))))
    old = select(AUTH_EVENTS.c.id).where(AUTH_EVENTS.c.created_at < func.now() - EVENTS_KEPT)
    await session.execute(delete(AUTH_EVENTS).where(AUTH_EVENTS.c.id.in_(old.with_for_update(skip_locked=True))))
