"""The Auth API is asked whom a token belongs to, and a session that was ended is refused within five seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from booksync_common import introspection
from booksync_common.auth_client import DEFAULT_ADDRESSES, MAX_ANSWER, AuthClient, AuthClientSettings
from booksync_common.introspection import Caller, Introspection
from booksync_common.problems import ProblemError
from booksync_service_testing.fake_auth import MANGACOLLEC_PATH, FakeAuth
from booksync_service_testing.processes import find_free_port
from booksync_service_testing.serving import wait_for


@asynccontextmanager
async def asking(*addresses: str) -> AsyncIterator[Introspection]:
    """Run a client of some addresses."""
    part = Introspection(AuthClient(addresses))
    await part.start()
    try:
        yield part
    finally:
        await part.stop()


class Clock:
    """A time that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start at now."""
        self.passed = 0.0
        start = time.monotonic()
        # for that module alone: asyncio and httpx have time-outs
        moved = SimpleNamespace(time=time.time, monotonic=lambda: start + self.passed)
        monkeypatch.setattr(introspection, "time", moved)


def nobody() -> str:
    """Return an address at which nobody listens."""
    return f"http://127.0.0.1:{find_free_port()}"


def test_addresses_are_the_guides() -> None:
    assert AuthClientSettings.load(port=1).auth_addresses == DEFAULT_ADDRESSES
    assert AuthClientSettings.load(port=1, auth_api_url="http://nas:8000/").auth_addresses == ("http://nas:8000",)


async def test_whose_a_token_is(auth: FakeAuth) -> None:
    token = auth.add_user(role="admin", certify_adult=True)
    async with asking(auth.address) as part:
        caller = await part.find_caller(token)
        name = auth.known[token]["username"]
        assert caller == Caller(user_id=auth.user_id(token), username=name, role="admin", certify_adult=True)
        assert caller.is_admin
        assert await part.find_caller("nobody's") is None


async def test_a_user_is_no_machine_and_a_machine_no_user(auth: FakeAuth) -> None:
    token, key = auth.add_user(), auth.add_key("data:write embeddings:write")
    async with asking(auth.address) as part:
        assert await part.find_machine(token) is None
        assert await part.find_caller(key) is None
        machine = await part.find_machine(key)
        assert machine is not None
        assert machine.scopes == {"data:write", "embeddings:write"}


async def test_a_connection_that_was_kept_and_is_gone_is_made_anew() -> None:
    questions = 0

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Promise to keep the connection, and close it when it is used again."""
        nonlocal questions
        await reader.readuntil(b"token=")
        questions += 1
        body = b'{"active": false}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"POST ")
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    async with server, asking(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as part:
        for token in ("one", "two"):
            assert await part.find_caller(token) is None
    assert questions == 2


async def test_an_answer_is_kept_for_five_seconds_and_no_longer(
    auth: FakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert introspection.FRESH <= 5
    clock = Clock(monkeypatch)
    token = auth.add_user()
    async with asking(auth.address) as part:
        assert await part.find_caller(token) is not None
        auth.revoke(token)
        clock.passed = introspection.FRESH - 0.1
        assert await part.find_caller(token) is not None
        assert len(auth.questions) == 1
        clock.passed = introspection.FRESH
        assert await part.find_caller(token) is None


async def test_an_answer_is_as_old_as_its_question(auth: FakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    token = auth.add_user()
    auth.delay = 0.2
    async with asking(auth.address) as part:
        question = asyncio.create_task(part.find_caller(token))
        await wait_for(lambda: bool(auth.questions))
        clock.passed = introspection.FRESH
        await question
        await part.find_caller(token)
        assert len(auth.questions) == 2


async def test_a_token_that_expires_is_not_kept_longer(auth: FakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    token = auth.add_user(exp=time.time() + 1)
    async with asking(auth.address) as part:
        assert await part.find_caller(token) is not None
        clock.passed = 1
        await part.find_caller(token)
        assert len(auth.questions) == 2


async def test_requests_at_the_same_time_share_a_question(auth: FakeAuth) -> None:
    token = auth.add_user()
    auth.delay = 0.2
    async with asking(auth.address) as part:
        first = asyncio.create_task(part.find_caller(token))
        others = [asyncio.create_task(part.find_caller(token)) for _ in range(20)]
        await asyncio.sleep(0.05)
        first.cancel()  # whoever asked goes away
        assert None not in await asyncio.gather(*others)
        assert len(auth.questions) == 1


async def test_many_tokens_do_not_fill_the_memory(auth: FakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(introspection, "CAPACITY", 3)
    async with asking(auth.address) as part:
        for number in range(10):
            await part.find_caller(f"garbage-{number}")
        assert len(part._known) == 3


async def test_the_next_address_is_tried_and_remembered(auth: FakeAuth) -> None:
    away = nobody()
    client = AuthClient([away, auth.address])
    part = Introspection(client)
    await part.start()
    assert await part.find_caller(auth.add_user()) is not None
    assert client._addresses == [auth.address, away]
    await part.stop()


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("bad gateway", 502),
        PlainTextResponse("<html>a page of the router</html>"),
        JSONResponse(["active"]),
        JSONResponse({"active": True, "sub": "no uuid"}),
        JSONResponse({"code": "starting"}, 503),
        JSONResponse({"detail": "Not Found"}, 404),
        RedirectResponse("http://127.0.0.1:1/elsewhere"),
        PlainTextResponse("x" * (MAX_ANSWER + 1)),
    ],
    ids=["502", "html", "list", "no-uuid", "starting", "404", "redirect", "huge"],
)
async def test_no_answer_to_use_is_503_and_is_not_kept(auth: FakeAuth, answer: Response) -> None:
    token = auth.add_user()
    async with asking(auth.address) as part:
        auth.misbehaviour = answer
        with pytest.raises(ProblemError) as refused:
            await part.find_caller(token)
        assert (refused.value.status, refused.value.code) == (503, "auth_unavailable")
        assert "Retry-After" in refused.value.headers
        auth.misbehaviour = None
        assert await part.find_caller(token) is not None


async def test_what_is_known_outlives_the_auth_api_for_its_seconds(
    auth: FakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    token = auth.add_user()
    async with asking(auth.address) as part:
        await part.find_caller(token)
        auth.misbehaviour = PlainTextResponse("away", 500)
        assert await part.find_caller(token) is not None
        clock.passed = introspection.FRESH
        with pytest.raises(ProblemError):
            await part.find_caller(token)


async def test_going_away_and_coming_back_are_logged_once(auth: FakeAuth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "booksync_common.auth_client")
    async with asking(auth.address) as part:
        auth.misbehaviour = PlainTextResponse("away", 500)
        for token in ("a", "b", "c"):
            with pytest.raises(ProblemError):
                await part.find_caller(token)
        assert (await part.check()).facts == {"answering": False}
        auth.misbehaviour = None
        await part.find_caller("d")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "status 500" in caplog.text


async def test_a_slow_auth_api_is_given_up(auth: FakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booksync_common.auth_client.TIMEOUT", httpx.Timeout(0.05))
    auth.delay = 1
    async with asking(auth.address) as part:
        with pytest.raises(ProblemError, match="no usable answer"):
            await part.find_caller("token")


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_failure_of_what_the_auth_api_asks_is_its_answer(auth: FakeAuth, status: int) -> None:
    client = AuthClient([auth.address, nobody()])
    await client.open()
    try:
        auth.misbehaviour = JSONResponse({"code": "mangacollec_unavailable"}, status)
        answer = await client.get(MANGACOLLEC_PATH, token="any")
        assert (answer.status_code, client.is_answering) == (status, True)
        auth.misbehaviour = JSONResponse({"code": "database_unavailable"}, status)
        with pytest.raises(ProblemError):
            await client.get(MANGACOLLEC_PATH, token="any")
        assert client.is_answering is False
    finally:
        await client.close()


async def test_server_that_is_slow_is_not_asked_by_its_other_name() -> None:
    connections = 0

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()  # until the client goes
        writer.close()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AuthClient([f"http://127.0.0.1:{port}", f"http://localhost:{port}"])
    async with server:
        await client.open()
        with pytest.raises(ProblemError):
            await client.get("/", patience=httpx.Timeout(0.2))
        await client.close()
    assert connections == 1
