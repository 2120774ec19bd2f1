"""Every address of the service."""

from fastapi import APIRouter

from booksync_api_auth.api import (
    ROOT,
    api_keys,
    departures,
    export,
    introspection,
    login,
    mangacollec,
    sessions,
    users,
)


def _include_profiles(prefix: str, *, documented: bool) -> APIRouter:
    router = APIRouter(prefix=prefix)
    for part in (export.router, users.router):
        router.include_router(part, include_in_schema=documented)
    return router


#: In the order in which they are tried: what is asked most stands first.
ROUTERS = (
    introspection.router,
    _include_profiles(ROOT, documented=True),
    login.router,
    mangacollec.router,
    sessions.router,
    departures.router,
    api_keys.router,
    # some clients know /users by its short name
    _include_profiles("", documented=False),
)
