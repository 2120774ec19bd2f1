"""A Mangacollec on the loopback: OAuth tokens as Doorkeeper gives them, the account, and every way to misbehave."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl

CLIENT_ID = "a1b2c3d4e5f6"
CLIENT_SECRET = "f6e5d4c3b2a1"

#: Léa's.
EMAIL = "lea@example.org"
THERE = "her password there"
ACCOUNT = {"email": EMAIL, "password": THERE}

#: slow: never answers; drip: a byte at a time; garbage: a page of HTML; truncated: closes in the middle of an answer;
#: hang_up: closes without one; huge: does not end; errors, limited: 500, 429.
Mood = Literal["well", "slow", "drip", "garbage", "truncated", "hang_up", "huge", "errors", "limited", "empty"]


_ANSWERS: dict[Mood, tuple[int, bytes]] = {
    "garbage": (200, b"<!DOCTYPE html><title>Maintenance</title>"),
    "empty": (200, b"{}"),
    "errors": (500, b"<h1>We're sorry, but something went wrong.</h1>"),
}


@dataclass
class Account:
    """Somebody's account."""

    email: str
    password: str
    username: str | None = "lea_m"
    certify_adult: bool | None = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Mangacollec:
    """The site: who has an account, which tokens are good, what was asked of it, and its mood."""

    address: str = ""
    mood: Mood = "well"
    refused_status: int = 401  # 400 and 401 are both seen
    retry_after: str | None = "30"
    expires_in: int | None = 7200
    rotates: bool = True
    delay: float = 0.0  # s, before each answer
    accounts: list[Account] = field(default_factory=list)
    access_tokens: dict[str, Account] = field(default_factory=dict)
    refresh_tokens: dict[str, Account] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # path and body
    is_answering: asyncio.Event = field(default_factory=asyncio.Event)  # cleared: requests wait
    at_once: int = 0
    most_at_once: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """What an Auth API has to know."""
        return {
            "mangacollec_base_url": self.address,
            "mangacollec_client_id": CLIENT_ID,
            "mangacollec_client_secret": CLIENT_SECRET,
        }

    def add(self, email: str, password: str, **more: Any) -> Account:
        """Make an account."""
        account = Account(email, password, **more)
        self.accounts.append(account)
        return account

    def count(self, grant_type: str) -> int:
        """Count how often tokens were asked for in a way."""
        return sum(body.get("grant_type") == grant_type for _, body in self.requests)

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, object]:
        """Answer a request as the site does: status and JSON."""
        if path == "/oauth/token":
            return self._answer_grant(body)
        if path == "/v1/users/me":
            account = self.access_tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
            if account is None:
                return 401, {"errors": ["Unauthorized"]}
            shown = {"id": account.id, "email": account.email, "username": account.username}
            return 200, {**shown, "certify_adult": account.certify_adult, "avatar": None}
        return 404, {"errors": ["Not Found"]}

    def _answer_grant(self, body: dict[str, Any]) -> tuple[int, object]:
        if (body.get("client_id"), body.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed."}
        account: Account | None = None
        if body.get("grant_type") == "password":
            wanted = (body.get("username"), body.get("password"))
            account = next((one for one in self.accounts if (one.email, one.password) == wanted), None)
        elif body.get("grant_type") == "refresh_token":
            token = str(body.get("refresh_token"))
            account = self.refresh_tokens.pop(token, None) if self.rotates else self.refresh_tokens.get(token)
        else:
            return 400, {"error": "unsupported_grant_type"}
        if account is None:
            return self.refused_status, {"error": "invalid_grant", "error_description": "The grant is invalid."}
        return 200, self._issue(account, is_new=self.rotates or body["grant_type"] == "password")

    def _issue(self, account: Account, *, is_new: bool) -> dict[str, Any]:
        access_token, refresh_token = secrets.token_hex(32), secrets.token_hex(32)
        self.access_tokens[access_token] = account
        answer = {"access_token": access_token, "token_type": "Bearer", "created_at": int(time.time())}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if is_new:
            self.refresh_tokens[refresh_token] = account
            answer["refresh_token"] = refresh_token
        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which is one request."""
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as it does when it has waited long enough
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = head[0].split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        body = _parse(content, headers.get("content-type", ""))
        self.requests.append((path, body))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
            await self.is_answering.wait()
            if self.mood == "well":
                # a cookie would be somebody else's
                status, answer = (400, {"error": "cookie"}) if "cookie" in headers else self.answer(path, headers, body)
                await _write(writer, status, json.dumps(answer).encode(), b"Set-Cookie: session=1; Path=/\r\n")
            else:
                await self._misbehave(reader, writer)
        finally:
            self.at_once -= 1

    async def _misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mood = self.mood
        if mood == "slow":
            await reader.read()  # until the client goes
        elif mood == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not reader.at_eof():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif mood == "truncated":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"access_token":"ab')
            await writer.drain()
        elif mood == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not reader.at_eof():
                writer.write(b'{"x":' * 10_000)
                await writer.drain()
        elif mood in _ANSWERS:
            await _write(writer, *_ANSWERS[mood])
        elif mood == "limited":
            extra = b"" if self.retry_after is None else f"Retry-After: {self.retry_after}\r\n".encode()
            await _write(writer, 429, b"Retry later\n", extra)


def _parse(content: bytes, media_type: str) -> dict[str, Any]:
    if not content:
        return {}
    body = json.loads(content) if media_type.startswith("application/json") else dict(parse_qsl(content.decode()))
    assert isinstance(body, dict)
    return body


async def _write(writer: asyncio.StreamWriter, status: int, content: bytes, extra: bytes = b"") -> None:
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
    writer.write(head.encode() + extra + b"\r\n" + content)
    await writer.drain()


@asynccontextmanager
async def run_mangacollec() -> AsyncIterator[Mangacollec]:
    """Run a Mangacollec with nobody in it."""
    site = Mangacollec()
    site.is_answering.set()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.close()
