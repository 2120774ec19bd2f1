"""Tell other programs about tokens and API keys, and end them."""

import hmac
from typing import Annotated

from fastapi import Depends

from booksync_api_auth.access_tokens import TokenError
from booksync_api_auth.api_keys import hash_api_key, is_api_key
from booksync_api_auth.identity import check_token
from booksync_api_auth.keys import Keys, KeysOf
from booksync_api_auth.models import ApiKey, Identity
from booksync_api_auth.refreshing import Refresh, RefreshOf
from booksync_api_auth.refusals import unauthenticated
from booksync_api_auth.repositories import api_keys
from booksync_api_auth.repositories.sessions import Sessions
from booksync_common.database import Database, DatabaseOf


class Introspection:
    """What whoever has a token may know about it."""

    def __init__(self, database: Database, keys: Keys, refresh: Refresh) -> None:
        """Take what it is made of."""
        self._database = database
        self._keys = keys
        self._refresh = refresh

    async def introspect(self, token: str, *, bearer: str | None) -> Identity | ApiKey | None:
        """Find out what a token or an API key stands for; None when it is not good.

        :param bearer: the token that the request is authorised by, which has to be the same.
        :raises ProblemError: 401, when it is not.
        """
        if bearer is None or not hmac.compare_digest(token.encode(), bearer.encode()):
            raise unauthenticated()
        return await (self._find_key(token) if is_api_key(token) else self._find_active(token))

    async def revoke(self, token: str) -> None:
        """End the session of an access or a refresh token."""
        identity = await self._find_active(token)
        if identity is None:
            await self._refresh.revoke(token)
            return
        async with self._database.session() as session:
            await Sessions(session).revoke(identity.session.id, user_id=identity.user.id, reason="revoked")

    async def _find_active(self, token: str) -> Identity | None:
        try:
            identity = await check_token(self._database, self._keys, token)
        except TokenError:
            return None
        return identity if identity.user.is_active else None

    async def _find_key(self, key: str) -> ApiKey | None:
        async with self._database.reader() as connection:
            found = await api_keys.find_live(connection, hash_api_key(key))
            if found is not None:
                await api_keys.touch(connection, found)
        return found


async def get_introspection(database: DatabaseOf, keys: KeysOf, refresh: RefreshOf) -> Introspection:
    """Give a request what knows about tokens."""
    return Introspection(database, keys, refresh)


IntrospectionOf = Annotated[Introspection, Depends(get_introspection)]
