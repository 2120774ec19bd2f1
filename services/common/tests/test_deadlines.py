"""What a client begins and does not go on with is given up, and what it does go on with is not."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.types import Message, Receive, Scope, Send

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_common import body_limit, heads
from booksync_common.body_limit import BodyLimitMiddleware
from booksync_common.heads import HeadLimitProtocol
from booksync_service_testing.loopback import serve_on_loopback
from booksync_service_testing.serving import PATIENCE, serve

# s: what may pass here, and what lies between the parts of what a slow client sends
SECONDS = 2.0
PART = 0.5
MANY = 30

HEAD = b"POST /stream HTTP/1.1\r\nHost: service\r\nContent-Length: 6\r\n\r\n"


@pytest_asyncio.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Serve the sample, which waits for less than it does."""
    monkeypatch.setattr(heads, "SECONDS", SECONDS)
    monkeypatch.setattr(body_limit, "PAUSE", SECONDS)
    async with (
        serve(SERVICE, SampleSettings.load()) as running,
        serve_on_loopback(running.app, http=HeadLimitProtocol) as address,
    ):
        yield httpx.URL(address).port or 0


async def talk(port: int, *parts: bytes) -> bytes:
    """Send parts with a pause after each; return all that comes until the service closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(PART)
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"G",
        b"GET /nowhere",
        b"GET /nowhere HTTP/1.1\r\nHost: ser",
        HEAD[:-2],
    ],
    ids=["method", "address", "field", "no end"],
)
async def test_head_that_does_not_go_on_is_given_up(port: int, begun: bytes) -> None:
    answer = await talk(port, begun)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer


async def test_head_has_one_time_for_all_its_parts(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read(MANY))
    writer.write(b"GET /nowhere HTTP/1.1\r\n")
    for _ in range(MANY):
        await asyncio.sleep(PART)
        if answer.done():
            break
        writer.write(b"A: b\r\n")
    writer.close()
    assert (await answer).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_connection_without_a_request_is_closed(port: int, sent: bytes) -> None:
    assert await talk(port, sent) == b""


@pytest.mark.parametrize("after", [b"GET /no", b"\r\n"], ids=["half a request", "an empty line"])
async def test_later_requests_have_a_time_too(port: int, after: bytes) -> None:
    whole = b"GET /nowhere HTTP/1.1\r\nHost: service\r\n\r\n"
    answer = await talk(port, whole, after)
    assert answer.count(b"HTTP/1.1 404 ") == 1
    assert answer.count(b"HTTP/1.1 408 ") == (after != b"\r\n")


async def test_slow_answer_is_waited_for(port: int) -> None:
    request = b"GET /wait?seconds=%f HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n" % (3 * SECONDS)
    assert (await talk(port, request[:20], request[20:])).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", [b"/stream", b"/login"])
async def test_body_that_does_not_go_on_is_given_up(port: int, path: bytes) -> None:
    answer = await talk(port, HEAD.replace(b"/stream", path) + b"12")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer
    assert b"connection: close" in answer


async def test_slow_body_is_taken(port: int) -> None:
    closing = HEAD.replace(b"Host", b"Connection: close\r\nHost")
    answer = await talk(port, closing, *(b"%d" % number for number in range(6)))
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_wait_for_the_client_to_leave_has_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "PAUSE", 0.01)
    messages: list[Message] = [{"type": "http.request", "body": b"12"}, {"type": "http.disconnect"}]
    seen: list[Message] = []

    async def read_to_the_end(_scope: Scope, receive: Receive, _send: Send) -> None:
        seen.extend([await receive(), await receive()])

    async def receive() -> Message:
        await asyncio.sleep(0 if len(messages) == 2 else 0.1)
        return messages.pop(0)

    async def send(_message: Message) -> None:
        """Nothing is sent."""

    middleware = BodyLimitMiddleware(read_to_the_end, limit=2, large={})
    await middleware({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
