"""Bodies of a size that somebody may mean, lest a client fill the memory.

Starlette's own limit answers in plain text where the size is declared; here, as everywhere, it is a problem.
"""

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

#: Bytes; the largest body that anybody means has an avatar of 64 KiB in it.
MAX_BODY = 256 * 1024


class LimitedRoute(APIRoute):
    """A route that takes no larger bodies."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        :raises HTTPException: 413.
        """
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > MAX_BODY:
            raise _too_large()
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise _too_large()
            return message

        await super().handle(scope, receive_limited, send)


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body may have {MAX_BODY} bytes.")
