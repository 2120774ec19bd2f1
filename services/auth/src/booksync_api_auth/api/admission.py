"""Turn requests away at the door: in a storm of sign-ins most are, and reading one costs more than answering."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from booksync_api_auth.passwords import get_passwords


class AdmissionRoute(APIRoute):
    """Of requests that want a hash: with no place in its queue, they get a 429 before their body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            (await get_passwords(request)).require_place()
            return await handle(request)

        return admit
