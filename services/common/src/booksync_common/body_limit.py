"""Bodies of a size that somebody may mean, that go on coming, lest a client fill the memory or hold what it waits for.

Starlette's own limit answers in plain text where the size is declared; here, as everywhere, it is a problem.
"""

import asyncio
import math
from collections.abc import Container

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booksync_common.problems import ProblemError, build_response

#: How long a body may have come to a stop (s).
PAUSE = 30.0


class BodyLimitMiddleware:
    """Refuse larger bodies, where possible before they are sent, and those that never end."""

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
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = math.inf if scope["path"] in self._streams else self._limit
        detail = f"The body may have {limit} bytes."
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > limit:
            await build_response(ProblemError(413, "content_too_large", detail), instance=scope["path"])(
                scope, receive, send
            )
            return
        size = 0
        is_whole = False

        async def receive_limited() -> Message:
            nonlocal size, is_whole
            if is_whole:
                return await receive()
            # HTTPException is what FastAPI lets through while it reads a body
            try:
                async with asyncio.timeout(PAUSE):
                    message = await receive()
            except TimeoutError:
                why = f"Nothing of the body came for {PAUSE:g} seconds."
                raise HTTPException(408, why, headers={"Connection": "close"}) from None
            is_whole = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > limit:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, receive_limited, send)
