"""Who asks: the check that every access token goes through, here and for the other services."""

import ipaddress
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from fastapi.security.base import SecurityBase

from booksync_api_auth.access_tokens import TokenError, expired_token, revoked_token
from booksync_api_auth.keys import Keys, get_keys
from booksync_api_auth.models import Identity, Origin
from booksync_api_auth.refusals import account_disabled, forbidden, unauthenticated
from booksync_api_auth.repositories import sessions
from booksync_common.database import Database, require_database

MAX_USER_AGENT = 500

#: The address is relative, so that Swagger finds it behind a proxy that adds a prefix.
_bearer = OAuth2PasswordBearer(tokenUrl="api/v1/auth/token", scheme_name="Profile", auto_error=False)
Bearer = Annotated[str | None, Depends(_bearer)]


async def check_token(database: Database, keys: Keys, token: str) -> Identity:
    """Find out whose an access token is.

    The session is looked at each time, so that a token ends with it even where it never expires.

    :raises TokenError: the token is not good, or not any more.
    """
    claims = keys.access.read(token)
    found = await sessions.find_with_user(database, claims.session_id)
    if found is None:
        raise revoked_token()
    record, user = found
    if record.user_id != claims.user_id or record.revoked_at is not None:
        raise revoked_token()
    if record.is_expired:
        raise expired_token()
    await sessions.touch(database, record)
    return Identity(
        user=user,
        session=record,
        token_id=claims.token_id,
        issued_at=claims.issued_at,
        expires_at=claims.expires_at,
    )


class IdentityScheme(SecurityBase):
    """Who asks; None for somebody without a token.

    The scheme of the documentation and the check are one dependency, as every one costs each request.
    """

    scheme_name = _bearer.scheme_name
    model = _bearer.model

    async def __call__(self, request: Request) -> Identity | None:
        """Check the token.

        :raises ProblemError: 401 for a token that is not good, 403 for that of a profile that was turned off.
        """
        token = await _bearer(request)
        if token is None:
            return None
        try:
            identity = await check_token(require_database(request), get_keys(request), token)
        except TokenError as error:
            raise error.as_problem() from None
        if not identity.user.is_active:
            raise account_disabled()
        return identity


class RequiredIdentityScheme(IdentityScheme):
    """Who asks, with a token."""

    async def __call__(self, request: Request) -> Identity:
        """Check the token.

        :raises ProblemError: 401, also when there is none.
        """
        identity = await super().__call__(request)
        if identity is None:
            raise unauthenticated()
        return identity


class AdminScheme(RequiredIdentityScheme):
    """Who asks, with an administrator's token."""

    async def __call__(self, request: Request) -> Identity:
        """Check the token.

        :raises ProblemError: 403, when it is another's.
        """
        identity = await super().__call__(request)
        if not identity.user.is_admin:
            raise forbidden()
        return identity


async def get_origin(request: Request) -> Origin:
    """Say where a request comes from; behind a proxy, Uvicorn finds out by FORWARDED_ALLOW_IPS."""
    host = request.client.host if request.client else None
    agent = request.headers.get("user-agent")
    # PostgreSQL stores no NUL
    return Origin(address=_parse_address(host), user_agent=agent and agent.replace("\0", "")[:MAX_USER_AGENT])


def _parse_address(host: str | None) -> str | None:
    try:
        return None if host is None else str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:  # a socket of Unix has a path
        return None


MaybeCaller = Annotated[Identity | None, Depends(IdentityScheme())]
Caller = Annotated[Identity, Depends(RequiredIdentityScheme())]
Admin = Annotated[Identity, Depends(AdminScheme())]
OriginOf = Annotated[Origin, Depends(get_origin)]
