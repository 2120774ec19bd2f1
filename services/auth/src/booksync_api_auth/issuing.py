"""Make sessions, and the pairs of tokens that they have."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.access_tokens import Claims
from booksync_api_auth.keys import Keys, KeysOf
from booksync_api_auth.models import Issued, Origin, SessionRecord, User
from booksync_api_auth.refresh_tokens import RefreshToken
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.settings import AuthSettings, SettingsOf

#: Of a profile, at once. Sessions that never expire are ended by nothing else where an app signs in again and again.
MAX_SESSIONS = 100


class Issuer:
    """Make tokens. All that a pair has in it follows from its session, so that the same session makes the same pair."""

    def __init__(self, keys: Keys, settings: AuthSettings) -> None:
        self._keys = keys
        self._access_lifetime = timedelta(minutes=settings.jwt_expire_minutes) or None
        #: Of a session that is not used; where access tokens never expire, neither does their session.
        self.session_lifetime = (
            (timedelta(days=settings.refresh_expire_days) or None) if self._access_lifetime else None
        )

    def require_keys(self) -> None:
        """Fail before any work is done.

        :raises ProblemError: 503, when there are no keys.
        """
        _ = self._keys.access

    async def begin(self, session: AsyncSession, user: User, *, device_name: str | None, origin: Origin) -> Issued:
        """Make a session and its first pair."""
        family_id = uuid.uuid4()
        token = self._keys.refresh.first(family_id)
        record = await Sessions(session).add(
            user_id=user.id,
            family_id=family_id,
            refresh_hash=token.digest,
            device_name=device_name,
            origin=origin,
            lifetime=self.session_lifetime,
        )
        await Sessions(session).revoke_oldest(user.id, kept=MAX_SESSIONS, reason="too_many")
        return self._issue(user, record, token)

    async def rotate(self, session: AsyncSession, user: User, record: SessionRecord) -> Issued:
        """Make a session's next pair."""
        token = self._keys.refresh.successor(record.family_id, record.generation + 1)
        rotated = await Sessions(session).rotate(record, refresh_hash=token.digest, lifetime=self.session_lifetime)
        return self._issue(user, rotated, token)

    def knows_token_of(self, record: SessionRecord) -> bool:
        """Tell whether a session's refresh token is its first, which is random, or follows from the present key."""
        return record.generation == 0 or self._successor(record).digest == record.refresh_hash

    def repeat(self, user: User, record: SessionRecord) -> Issued:
        """Make a session's present pair once more, of one that has been rotated."""
        return self._issue(user, record, self._successor(record))

    def _successor(self, record: SessionRecord) -> RefreshToken:
        return self._keys.refresh.successor(record.family_id, record.generation)

    def _issue(self, user: User, record: SessionRecord, refresh_token: RefreshToken) -> Issued:
        issued_at = record.rotated_at.replace(microsecond=0)
        expires_at = issued_at + self._access_lifetime if self._access_lifetime else None
        if expires_at is not None and record.expires_at is not None:
            expires_at = min(expires_at, record.expires_at.replace(microsecond=0))  # no token outlives its session
        claims = Claims(
            user_id=user.id,
            session_id=record.id,
            token_id=self._keys.refresh.token_id(record.family_id, record.generation),
            issued_at=issued_at,
            expires_at=expires_at,
        )
        left = None if expires_at is None else max(0, int((expires_at - datetime.now(UTC)).total_seconds()))
        return Issued(
            user=user,
            session_id=record.id,
            access_token=self._keys.access.sign(claims),
            refresh_token=refresh_token.text,
            expires_at=expires_at,
            expires_in=left,
        )


async def get_issuer(keys: KeysOf, settings: SettingsOf) -> Issuer:
    """Give a request what makes tokens."""
    return Issuer(keys, settings)


IssuerOf = Annotated[Issuer, Depends(get_issuer)]
