"""Mangacollec, as the service has it: asked by one at a time, and for each profile once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import httpx
from fastapi import Depends, Request

from booksync_api_auth.mangacollec import problems
from booksync_api_auth.mangacollec.conversation import Conversation
from booksync_api_auth.mangacollec.gate import Gate
from booksync_api_auth.settings import AuthSettings
from booksync_common.clients import NO_COOKIES
from booksync_common.parts import Check, Part

#: s
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
#: s; for those who wait for their turn.
PATIENCE = 9.0


class Mangacollec(Part):
    """The way to Mangacollec."""

    name = "mangacollec"

    def __init__(self, settings: AuthSettings, *, gate: Gate | None = None) -> None:
        """Read where it is; connects to nothing."""
        self._base_url = str(settings.mangacollec_base_url).rstrip("/")
        self._token_path = settings.mangacollec_token_path
        self._identity = settings.mangacollec_client
        self._gate = gate or Gate()
        self._turn = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        self._shared: dict[UUID, asyncio.Task[Any]] = {}

    async def start(self) -> None:
        """Make the client. It follows no redirect, lest a password go elsewhere."""
        headers = {"Accept": "application/json"}
        self._client = httpx.AsyncClient(base_url=self._base_url, timeout=TIMEOUT, headers=headers, cookies=NO_COOKIES)

    async def stop(self) -> None:
        """Close the client's connections."""
        for task in list(self._shared.values()):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def check(self) -> Check:
        """Say whether it may be asked; the service is ready without it."""
        if self._identity is None:
            return Check("ok", "not configured")
        return Check("ok", "left alone for a while" if self._gate.rest else None)

    @asynccontextmanager
    async def converse(self) -> AsyncIterator[Conversation]:
        """Take a turn.

        :raises ProblemError: 502 where it rests or others take too long, 503 where it does not know us.
        """
        if self._identity is None or self._client is None:
            detail = "MANGACOLLEC_CLIENT_ID and MANGACOLLEC_CLIENT_SECRET are not set."
            raise problems.not_configured(detail)
        self._gate.check()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turn.acquire()
        except TimeoutError:
            raise problems.unavailable("Others are waiting for Mangacollec.", retry_after=PATIENCE) from None
        client_id, secret = self._identity
        try:
            self._gate.check()  # it may have closed meanwhile
            yield Conversation(
                client=self._client,
                gate=self._gate,
                token_path=self._token_path,
                client_id=client_id,
                client_secret=secret,
            )
        finally:
            self._turn.release()

    async def share[T](self, user_id: UUID, work: Callable[[], Awaitable[T]]) -> T:
        """Do something for a profile once, however many ask for it meanwhile."""
        task: asyncio.Task[T] | None = self._shared.get(user_id)
        if task is None:
            task = asyncio.create_task(_call(work))
            self._shared[user_id] = task
            task.add_done_callback(lambda done: self._forget(user_id, done))
        # whoever came first may go away; the others still want it
        return await asyncio.shield(task)

    def _forget(self, user_id: UUID, task: asyncio.Task[Any]) -> None:
        del self._shared[user_id]
        if not task.cancelled():
            task.exception()  # each that waits has it; none may be left


async def _call[T](work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def get_mangacollec(request: Request) -> Mangacollec:
    """Give a request the way to Mangacollec."""
    part: Mangacollec = request.app.state.parts[Mangacollec.name]
    return part


MangacollecOf = Annotated[Mangacollec, Depends(get_mangacollec)]
