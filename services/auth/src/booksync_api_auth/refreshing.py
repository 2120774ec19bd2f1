"""Rotate refresh tokens: every one is good once, and for ten seconds its retries get what the first got.

An older one means that somebody has a copy, so the session ends: whoever is the owner signs in again.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.access_tokens import TokenError, expired_token, invalid_token, revoked_token
from booksync_api_auth.issuing import Issuer, IssuerOf
from booksync_api_auth.models import Issued, Origin, SessionRecord
from booksync_api_auth.refresh_tokens import RefreshToken, parse_refresh_token
from booksync_api_auth.refusals import account_disabled
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError

#: How long a client may ask again with the token before, because the answer did not reach it.
GRACE = timedelta(seconds=10)


class Refresh:
    """Refreshing."""

    def __init__(self, database: Database, issuer: Issuer) -> None:
        self._database = database
        self._issuer = issuer

    async def refresh(self, text: str, *, origin: Origin) -> Issued:
        """Give the next pair for a refresh token.

        :raises ProblemError: 401 token_invalid, token_expired, token_revoked; 403 account_disabled.
        """
        self._issuer.require_keys()
        token = parse_refresh_token(text)
        if token is None:
            raise invalid_token().as_problem()
        async with self._database.session() as session:
            outcome = await self._settle(session, token, origin=origin)
        # raised after the commit: the end of a session that was broken into has to last
        if isinstance(outcome, TokenError):
            raise outcome.as_problem()
        if isinstance(outcome, ProblemError):
            raise outcome
        return outcome

    async def _settle(
        self, session: AsyncSession, token: RefreshToken, *, origin: Origin
    ) -> Issued | TokenError | ProblemError:
        record = await Sessions(session).lock_family(token.family_id)
        if record is None:
            return invalid_token()
        if record.revoked_at is not None:
            return revoked_token()
        if record.is_expired:
            return expired_token()
        user = await Users(session).find(record.user_id)
        if user is None:
            return revoked_token()
        if not user.is_active:
            return account_disabled()
        if not self._issuer.knows_token_of(record):
            return revoked_token()  # whoever has the key of before, and a backup, can compute it
        if token.digest == record.refresh_hash:
            return await self._issuer.rotate(session, user, record)
        if _is_retry(token, record):
            return self._issuer.repeat(user, record)
        await Sessions(session).revoke(record.id, user_id=user.id, reason="refresh_reuse")
        await Events(session).add("refresh_reuse", user_id=user.id, origin=origin, success=False)
        return revoked_token()

    async def revoke(self, text: str) -> None:
        """End the session of a refresh token, if it is one."""
        token = parse_refresh_token(text)
        if token is None:
            return
        async with self._database.session() as session:
            record = await Sessions(session).lock_family(token.family_id)
            if record is not None:
                await Sessions(session).revoke(record.id, user_id=record.user_id, reason="revoked")


def _is_retry(token: RefreshToken, record: SessionRecord) -> bool:
    return token.digest == record.prev_refresh_hash and record.now - record.rotated_at <= GRACE


async def get_refresh(database: DatabaseOf, issuer: IssuerOf) -> Refresh:
    """Give a request what rotates tokens."""
    return Refresh(database, issuer)


RefreshOf = Annotated[Refresh, Depends(get_refresh)]
