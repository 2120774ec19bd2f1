"""An application in this process, with its lifespan, and a client that talks to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from booksync_common.app import create_app
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings

#: s; long, as it also has to do under an emulator.
PATIENCE = 120


@dataclass
class Serving:
    """A running application."""

    app: FastAPI
    client: httpx.AsyncClient
    fatal: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_until_ready(self) -> None:
        """Wait until start-up is done.

        :raises AssertionError: start-up has failed; the log says why.
        :raises TimeoutError: it takes too long.
        """
        await wait_for(lambda: bool(self.app.state.startup.is_ready) or self.fatal.is_set())
        assert not self.fatal.is_set()


async def wait_for(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something is so.

    :param condition: may be a coroutine's function, for what takes a question to know.
    :raises TimeoutError: it is not.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            is_so = condition()
            if await is_so if isinstance(is_so, Awaitable) else is_so:
                return
            await asyncio.sleep(0.01)


def make_client(app: FastAPI) -> httpx.AsyncClient:
    """Make a client of an application; what the application lets through is an answer, as it is with a server."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", timeout=PATIENCE)


@asynccontextmanager
async def serve[S: ServiceSettings](service: Service[S], settings: S, *, wait: bool = True) -> AsyncIterator[Serving]:
    """Run an application.

    :param wait: until it is ready.
    """
    fatal = asyncio.Event()
    # what is frozen stays in memory, and there is one application after the other here
    app = create_app(service, settings, on_ready=lambda: None, on_fatal=fatal.set)
    async with app.router.lifespan_context(app), make_client(app) as client:
        serving = Serving(app, client, fatal)
        if wait:
            await serving.wait_until_ready()
        yield serving
