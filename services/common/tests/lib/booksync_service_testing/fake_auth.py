"""An Auth API for the tests of the services that ask it, on a port of 127.0.0.1, with the answers of RFC 7662."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from booksync_common import departures, introspection
from booksync_service_testing.loopback import serve_on_loopback

MANGACOLLEC_PATH = "/api/v1/mangacollec/token"


@dataclass
class FakeAuth:
    """What the Auth API knows, for a test to change."""

    address: str = ""
    #: what it says of each token and key
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[UUID] = field(default_factory=list)
    #: the tokens that it was asked about
    questions: list[str] = field(default_factory=list)
    #: how often deleted profiles were asked for
    rounds: int = 0
    #: in place of the answer that it would give
    misbehaviour: Response | None = None
    #: Mangacollec's access tokens, by the token of the Auth API
    mangacollec: dict[str, str] = field(default_factory=dict)
    #: s, before an answer
    delay: float = 0

    def add_user(
        self, *, role: str = "user", certify_adult: bool = False, user_id: UUID | None = None, exp: float | None = None
    ) -> str:
        """Sign a user in and return the token.

        :param exp: seconds since 1970.
        """
        token = f"token.{uuid.uuid4().hex}.x"
        user_id = user_id or uuid.uuid4()
        self.known[token] = {
            "active": True,
            "sub": str(user_id),
            "sid": str(uuid.uuid4()),
            "username": f"user-{user_id.hex[:8]}",
            "role": role,
            "certify_adult": certify_adult,
            "token_type": "Bearer",
        } | ({} if exp is None else {"exp": exp})
        return token

    def add_key(self, scope: str) -> str:
        """Issue an API key and return it."""
        key = f"bsk_{uuid.uuid4().hex}"
        self.known[key] = {
            "active": True,
            "sub": str(uuid.uuid4()),
            "client_id": "scraper",
            "scope": scope,
            "token_type": introspection.API_KEY,
        }
        return key

    def user_id(self, token: str) -> UUID:
        """Return whose a token is."""
        return UUID(self.known[token]["sub"])

    def revoke(self, token: str) -> None:
        """End a session, or a key."""
        del self.known[token]

    async def introspect(self, request: Request) -> Response:
        """Answer as RFC 7662, section 2.2; authorised by the very token that is in question."""
        token = parse_qs((await request.body()).decode())["token"][0]
        self.questions.append(token)
        await asyncio.sleep(self.delay)
        if self.misbehaviour is not None:
            return self.misbehaviour
        if request.headers.get("authorization") != f"Bearer {token}":
            return JSONResponse({"code": "token_missing"}, 401)
        return JSONResponse(self.known.get(token, {"active": False}))

    async def hand_out(self, request: Request) -> Response:
        """Hand out an access token of Mangacollec."""
        if self.misbehaviour is not None:
            return self.misbehaviour
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.known:
            return JSONResponse({"code": "token_invalid"}, 401)
        if token not in self.mangacollec:
            return JSONResponse({"code": "mangacollec_not_linked"}, 404)
        return JSONResponse({"access_token": self.mangacollec[token], "expires_at": datetime.now(UTC).isoformat()})

    async def list_deleted(self, _request: Request) -> Response:
        """List the deleted profiles."""
        self.rounds += 1
        if self.misbehaviour is not None:
            return self.misbehaviour
        now = datetime.now(UTC).isoformat()
        return JSONResponse({"items": [{"user_id": str(user_id), "deleted_at": now} for user_id in self.deleted]})


@asynccontextmanager
async def run_fake_auth() -> AsyncIterator[FakeAuth]:
    """Serve one until the end of the block."""
    auth = FakeAuth()
    routes = [
        Route(introspection.PATH, auth.introspect, methods=["POST"]),
        Route(departures.PATH, auth.list_deleted),
        Route(MANGACOLLEC_PATH, auth.hand_out),
    ]
    async with serve_on_loopback(Starlette(routes=routes)) as auth.address:
        yield auth
