"""Bodies of a size that somebody may mean, lest a client fill the memory.

Starlette's own limit answers in plain text where the size is declared; here, as everywhere, it is a problem.
"""

from collections.abc import Container

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booksync_common.problems import ProblemError, build_response


class BodyLimitMiddleware:
    """Refuse larger bodies, where possible before they are sent."""

    def __init__(self, app: ASGIApp, *, limit: int, streams: Container[str]) -> None:
        """Wrap an application.

        :param limit: bytes.
        :param streams: addresses that read a body as it comes, of any size.
        """
        self._app = app
        self._limit = limit
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, as far as it is small."""
        if scope["type"] != "http" or scope["path"] in self._streams:
            await self._app(scope, receive, send)
            return
        detail = f"The body may have {self._limit} bytes."
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > self._limit:
            await build_response(ProblemError(413, "content_too_large", detail), instance=scope["path"])(
                scope, receive, send
            )
            return
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                # what FastAPI lets through while it reads a body
                raise HTTPException(413, detail)
            return message

        await self._app(scope, receive_limited, send)
