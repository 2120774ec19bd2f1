"""Applications of a test's own, on a port of 127.0.0.1."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import uvicorn
from starlette.applications import Starlette


@asynccontextmanager
async def serve_on_loopback(
    app: Starlette, *, http: type[asyncio.Protocol] | Literal["auto"] = "auto"
) -> AsyncIterator[str]:
    """Serve an application until the end of the block, and yield its address.

    :param http: the protocol, as Uvicorn takes it.
    """
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        config = uvicorn.Config(app, http=http, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        # without its handling of signals, which are the test runner's
        task = asyncio.create_task(server._serve(sockets=[listener]))
        try:
            while not server.started:
                assert not task.done(), "the server has ended"
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
