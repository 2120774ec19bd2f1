"""Bodies of a size that somebody may mean, that go on coming, lest a client fill the memory or hold what it waits for.

Starlette's own limit answers in plain text where the size is declared; here, as everywhere, it is a problem.
"""

import asyncio
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booksync_common.access import require_somebody
from booksync_common.problems import ProblemError, build_response

#: How long a body may have come to a stop (s).
PAUSE = 30.0


class BodyLimitMiddleware:
    """Refuse larger bodies, where possible before they are sent, and those that never end."""

    def __init__(self, app: ASGIApp, *, limit: int, large: Mapping[tuple[str, str], float]) -> None:
        """Wrap an application.

        :param limit: bytes.
        :param large: limits of those methods and paths that take more. FastAPI reads a body before it looks at who sent
            it, and JSON takes thirty times its size in memory: more than the usual is taken from a known caller alone.
        """
        self._app = app
        self._limit = limit
        self._large = large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, as far as it is small."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._large.get((scope["method"], scope["path"]), self._limit)
        detail = f"The body may have at most {limit} bytes."
        header = dict(scope["headers"]).get(b"content-length", b"")
        declared = int(header[:20]) if header.isdigit() else None
        try:
            if declared is not None and declared > limit:
                raise ProblemError(413, "content_too_large", detail)
            if limit > self._limit and (declared is None or declared > self._limit):
                await require_somebody(Request(scope))
        except ProblemError as problem:
            await build_response(problem, instance=scope["path"])(scope, receive, send)
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
