"""Who may write the facts that all share: a machine with the service key, or an administrator."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from booksync_api_data.settings import DataSettings
from booksync_common.access import find_user, unauthorized
from booksync_common.introspection import Caller
from booksync_common.problems import ProblemError, unavailable

HEADER = "X-API-Key"

_SCHEME = APIKeyHeader(name=HEADER, auto_error=False, description="APP_SECRET_KEY, for machines.")


def is_service_key(given: str, settings: DataSettings) -> bool:
    """Compare a key with the service's, in a time that does not tell how much of it is right."""
    key = settings.app_secret_key
    return key is not None and hmac.compare_digest(given.encode(), key.get_secret_value().encode())


async def require_writing(request: Request) -> None:
    """Refuse where shared facts cannot be written at all.

    :raises ProblemError: 503 `writes_disabled`.
    """
    settings: DataSettings = request.app.state.settings
    if settings.app_secret_key is None:
        raise unavailable("writes_disabled", "Shared facts cannot be written: APP_SECRET_KEY is not set.")


async def require_writer(
    request: Request,
    _enabled: Annotated[None, Depends(require_writing)],
    key: Annotated[str | None, Depends(_SCHEME)],
    caller: Annotated[Caller | None, Depends(find_user)],
) -> str:
    """Return who writes, as idempotency keys are kept for each.

    :raises ProblemError: 401 without a key that is right, 403 for a user who is no administrator.
    """
    if key is not None:
        if not is_service_key(key, request.app.state.settings):
            raise unauthorized("api_key_invalid", f"The key in {HEADER} is not the service's.")
        return "service"
    if caller is None:
        raise unauthorized("token_missing", f"Send the service's key as {HEADER}, or an administrator's token.")
    if not caller.is_admin:
        raise ProblemError(403, "forbidden", "Facts that all share are written by machines and administrators.")
    return f"user:{caller.user_id}"


#: Who writes a shared fact.
Writer = Annotated[str, Depends(require_writer)]
