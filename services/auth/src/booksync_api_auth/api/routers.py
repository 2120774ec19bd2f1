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


def _make_profiles(prefix: str, *, documented: bool) -> APIRouter:
    router = APIRouter(prefix=prefix)
    for part in (export, users):
        router.include_router(part.router, include_in_schema=documented)
    return router


ROUTERS = (
    login.router,
    mangacollec.router,
    sessions.router,
    introspection.router,
    departures.router,
    api_keys.router,
    _make_profiles(ROOT, documented=True),
    # some clients know /users by its short name
    _make_profiles("", documented=False),
)
