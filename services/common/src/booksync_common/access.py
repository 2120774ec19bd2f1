"""Who may ask: what a route names to get its caller."""

import re
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from booksync_common.introspection import Caller, Introspection
from booksync_common.problems import ProblemError

#: RFC 6750, section 2.1; 4 KiB, as the Auth API issues none that is longer.
BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,4096}=*)", re.IGNORECASE)

#: For the documentation, where it brings the button that asks for a token.
_SCHEME = HTTPBearer(auto_error=False, description="The access token that the Auth API issued.")


def unauthorized(code: str, detail: str) -> ProblemError:
    """Make a 401 as RFC 6750, section 3, wants it."""
    error = "" if code == "token_missing" else ' error="invalid_token"'
    return ProblemError(401, code, detail, headers={"WWW-Authenticate": f"Bearer{error}"})


async def find_user(request: Request, _scheme: Annotated[object, Depends(_SCHEME)]) -> Caller | None:
    """Return whose token a request has; None when it has none.

    :raises ProblemError: 401 for one that is not valid, 503 when that cannot be known.
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


async def require_user(caller: Annotated[Caller | None, Depends(find_user)]) -> Caller:
    """Return whose token a request has.

    :raises ProblemError: 401, also when it has none.
    """
    if caller is None:
        raise unauthorized("token_missing", "Sign in at the Auth API and send its token: Authorization: Bearer …")
    return caller


#: The signed-in user, from the token alone.
User = Annotated[Caller, Depends(require_user)]
