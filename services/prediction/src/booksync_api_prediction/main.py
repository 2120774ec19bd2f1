"""For Uvicorn: `uvicorn booksync_api_prediction.main:app`."""

from functools import cache

from fastapi import FastAPI

from booksync_api_prediction.service import SERVICE
from booksync_common.running import load_app


@cache
def _load_app() -> FastAPI:
    return load_app(SERVICE)


def __getattr__(name: str) -> FastAPI:
    """Make `app` when it is asked for, so that an import reads no environment."""
    if name == "app":
        return _load_app()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
