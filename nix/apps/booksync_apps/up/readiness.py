"""Whether a service can do its work now: what a healthcheck asks, without another process each time."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Literal

from booksync_apps.up.services import DATABASE, LOOPBACK

State = Literal["ready", "not ready", "down"]

LIMIT_S = 3.0

PROTOCOL_3_0 = 3 << 16
CANNOT_CONNECT_NOW = b"C57P03\0"


async def ask(name: str, port: int) -> State:
    """Ask a service how it does."""
    try:
        async with asyncio.timeout(LIMIT_S):
            is_ready = await (is_accepting(port) if name == DATABASE else is_healthy(port))
    except ConnectionRefusedError:
        return "down"
    except (OSError, EOFError, TimeoutError):
        return "not ready"
    return "ready" if is_ready else "not ready"


@contextlib.asynccontextmanager
async def connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect for the time of the block."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def is_accepting(port: int) -> bool:
    """Ask PostgreSQL as pg_isready does: a start-up packet, and whether the answer says `not now` (protocol 3.0)."""
    parameters = b"user\0booksync\0database\0booksync\0\0"
    async with connect(port) as (reader, writer):
        writer.write(struct.pack(">ii", 8 + len(parameters), PROTOCOL_3_0) + parameters)
        kind, length = struct.unpack(">ci", await reader.readexactly(5))
        body = await reader.readexactly(max(0, min(length - 4, 4096)))
        return kind == b"R" or (kind == b"E" and CANNOT_CONNECT_NOW not in body)


async def is_healthy(port: int) -> bool:
    """Ask an API's /health/ready."""
    async with connect(port) as (reader, writer):
        writer.write(f"GET /health/ready HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readline()).split(b" ")[1:2] == [b"200"]
