"""Who may ask: what a route names to get its caller."""

import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security import APIKeyHeader
from fastapi.security.base import SecurityBase

from booksync_common.auth_client import AuthClientSettings
from booksync_common.introspection import Caller, Introspection, Machine
from booksync_common.problems import ProblemError, unavailable

#: RFC 6750, section 2.1; 4 KiB, as the Auth API issues none that is longer.
BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,4096}={0,2})", re.IGNORECASE)
KEY_HEADER = "X-API-Key"
API_KEY = re.compile(r"[!-~]{1,4096}")

# for the documentation, where it brings the button that asks for a key
_KEY_SCHEME = APIKeyHeader(
    name=KEY_HEADER, auto_error=False, description="For machines: APP_SECRET_KEY, or a key that the Auth API issued."
)


def unauthorized(code: str, detail: str) -> ProblemError:
    """Make a 401 as RFC 6750, section 3, wants it."""
    error = "" if code == "token_missing" else ' error="invalid_token"'
    return ProblemError(401, code, detail, headers={"WWW-Authenticate": f"Bearer{error}"})


class BearerScheme(SecurityBase):
    """Whose token a request has: None when it has none.

    The scheme of the documentation and the check are one dependency, as every one costs each request.
    """

    scheme_name = "HTTPBearer"
    model = HTTPBearerModel(description="The access token that the Auth API issued.")

    async def __call__(self, request: Request) -> Caller | None:
        """Ask the Auth API.

        :raises ProblemError: 401 for a token that is not valid, 503 when that cannot be known.
        """
        header = request.headers.get("authorization")
        if header is None:
            return None
        introspection: Introspection = request.app.state.parts[Introspection.name]
        match = BEARER.fullmatch(header)
        caller = None if match is None else await introspection.find_caller(match[1])
        if caller is None:
            raise unauthorized("token_invalid", "The token is not valid, or not any more: sign in again.")
        return caller


class RequiredBearerScheme(BearerScheme):
    """Whose token a request has, which must have one."""

    async def __call__(self, request: Request) -> Caller:
        """Ask the Auth API.

        :raises ProblemError: 401, also when there is no token.
        """
        caller = await super().__call__(request)
        if caller is None:
            raise unauthorized("token_missing", "Sign in at the Auth API and send its token: Authorization: Bearer …")
        return caller


#: The signed-in user, from the token alone.
User = Annotated[Caller, Depends(RequiredBearerScheme())]


async def _find_machine(request: Request, key: str) -> Machine | None:
    """Return whose key it is; None for APP_SECRET_KEY, which may do everything."""
    settings: AuthClientSettings = request.app.state.settings
    own = settings.app_secret_key
    # in a time that does not tell how much of it is right; a header's bytes are read as Latin-1, whatever they mean
    if own is not None and hmac.compare_digest(key.encode("latin-1"), own.get_secret_value().encode()):
        return None
    introspection: Introspection = request.app.state.parts[Introspection.name]
    machine = await introspection.find_machine(key) if API_KEY.fullmatch(key) else None
    if machine is None:
        raise unauthorized("api_key_invalid", f"The key in {KEY_HEADER} is not valid, or not any more.")
    return machine


async def require_somebody(request: Request) -> None:
    """Make sure that a caller is known, whoever it is; what it may do is for the route to say.

    :raises ProblemError: 401, and 503 when that cannot be known.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        await RequiredBearerScheme()(request)
    else:
        await _find_machine(request, key)


def make_writer(scope: str, *, needs_secret: bool) -> Callable[..., Awaitable[str]]:
    """Make the dependency of routes that write what all share.

    It lets a machine through with APP_SECRET_KEY or with an API key of the Auth API, and an administrator's token, and
    returns who it is: `service`, `key:ID` or `user:ID`.

    :param scope: what an API key of the Auth API must be good for, like `data:write`.
    :param needs_secret: whether nothing can be written where APP_SECRET_KEY is not set.
    """

    async def require_enabled(request: Request) -> None:
        settings: AuthClientSettings = request.app.state.settings
        if needs_secret and settings.app_secret_key is None:
            raise unavailable("writes_disabled", "Shared data cannot be changed here: APP_SECRET_KEY is not set.")

    async def require_writer(
        request: Request,
        _enabled: Annotated[None, Depends(require_enabled)],
        key: Annotated[str | None, Depends(_KEY_SCHEME)],
        caller: Annotated[Caller | None, Depends(BearerScheme())],
    ) -> str:
        if key is not None:
            machine = await _find_machine(request, key)
            if machine is None:
                return "service"
            if scope not in machine.scopes:
                raise ProblemError(403, "scope_missing", f"The key in {KEY_HEADER} is not for this: it lacks {scope}.")
            return f"key:{machine.key_id}"
        if caller is None:
            raise unauthorized("token_missing", f"Send a machine's key as {KEY_HEADER}, or an administrator's token.")
        if not caller.is_admin:
            raise ProblemError(
                403, "forbidden", "Shared data is changed by administrators, and by machines with a key."
            )
        return f"user:{caller.user_id}"

    return require_writer
