"""Ask the Auth API whom a token belongs to (RFC 7662).

A service without the key of the tokens cannot verify one, and one with the key could not see that a session was ended:
so the Auth API is asked, authorised by the very token that is in question, and its answer is kept for a few seconds.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from booksync_common.auth_client import AuthClient
from booksync_common.parts import Check, Part
from booksync_common.problems import unavailable

PATH = "/api/v1/auth/introspect"

#: s; a session that was ended is refused after this at the latest.
FRESH = 5.0
#: Answers kept; a household has some tens of tokens, the rest is somebody who tries.
CAPACITY = 1000

#: What the Auth API says of a key that it issued, in place of RFC 6750's Bearer.
API_KEY = "api_key"


@dataclass(frozen=True)
class Caller:
    """The user who makes a request."""

    user_id: UUID
    username: str | None = None
    role: str | None = None
    certify_adult: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the caller may do what concerns all."""
        return self.role == "admin"


@dataclass(frozen=True)
class Machine:
    """The holder of an API key that the Auth API issued."""

    key_id: UUID
    name: str | None
    scopes: frozenset[str]


class Answer(BaseModel):
    """What RFC 7662, section 2.2, and the Auth API have in an answer; the rest is not ours."""

    active: bool
    sub: UUID | None = None
    token_type: str | None = None
    username: str | None = None
    role: str | None = None
    certify_adult: bool = False
    client_id: str | None = None
    scope: str = ""
    exp: float | None = None


INACTIVE = Answer(active=False)


@dataclass(frozen=True)
class _Known:
    """An answer, and until when it may be used (s, monotonic)."""

    answer: Answer
    until: float


class Introspection(Part):
    """The Auth API, as it knows tokens."""

    name = "auth"

    def __init__(self, client: AuthClient) -> None:
        """Remember the client, which is opened and closed with this part."""
        self._client = client
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Answer]] = {}

    async def start(self) -> None:
        """Open the client."""
        await self._client.open()

    async def stop(self) -> None:
        """Ask nothing any more."""
        for task in list(self._asking.values()):
            task.cancel()
        await self._client.close()

    async def check(self) -> Check:
        """Say whether the last question was answered; the service is ready without, as Auth may come later."""
        is_answering = self._client.is_answering
        return Check("ok", facts={} if is_answering is None else {"answering": is_answering})

    async def find_caller(self, token: str) -> Caller | None:
        """Return whom an access token belongs to; None when it is not valid (any more).

        :raises ProblemError: 503 `auth_unavailable`, when nobody answers and nothing is known.
        """
        answer = await self._find(token)
        if not answer.active or answer.sub is None or answer.token_type == API_KEY:
            return None
        return Caller(answer.sub, answer.username, answer.role, answer.certify_adult)

    async def find_machine(self, key: str) -> Machine | None:
        """Return whom an API key belongs to; None when it is not valid (any more).

        :raises ProblemError: 503 `auth_unavailable`, when nobody answers and nothing is known.
        """
        answer = await self._find(key)
        if not answer.active or answer.sub is None or answer.token_type != API_KEY:
            return None
        return Machine(answer.sub, answer.client_id, frozenset(answer.scope.split()))

    async def _find(self, token: str) -> Answer:
        """Return what is known of a token. Requests that come with one token at the same time share one question."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known.until:
            return known.answer
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(token, digest))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._forget(digest, done))
        # whoever asked first may go away; the others still want the answer
        return await asyncio.shield(task)

    def _forget(self, digest: bytes, task: asyncio.Task[Answer]) -> None:
        del self._asking[digest]
        if not task.cancelled():
            task.exception()  # each that waits has it; none may be left

    async def _ask(self, token: str, digest: bytes) -> Answer:
        # from the question on: the answer may be as old as that
        until = time.monotonic() + FRESH
        response = await self._client.post(PATH, token=token, form={"token": token})
        answer = _parse(response)
        if answer.exp is not None:
            until = min(until, time.monotonic() + answer.exp - time.time())
        self._known[digest] = _Known(answer, until)
        self._known.move_to_end(digest)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return answer


def _parse(response: httpx.Response) -> Answer:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return INACTIVE
    try:
        return Answer.model_validate_json(response.content if response.is_success else b"")
    except ValidationError:
        detail = f"The Auth API gave no answer that says whose the token is: status {response.status_code}."
        raise unavailable("auth_unavailable", detail) from None
