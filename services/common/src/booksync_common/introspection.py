"""Ask the Auth API whom a token belongs to (RFC 7662).

A service without the key of the tokens cannot verify one, and one with the key could not see that a session was ended:
so the Auth API is asked, authorised by the very token that is in question, and its answer is kept for a few seconds.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx
from pydantic import AnyHttpUrl, BaseModel, ValidationError

from booksync_common.parts import Check, Part
from booksync_common.problems import unavailable
from booksync_common.settings import ServiceSettings

logger = logging.getLogger(__name__)

#: The names of the Auth API in the guide's compose file: of the service, and of the container.
DEFAULT_ADDRESSES = ("http://auth-api:8000", "http://booksync_auth_api:8000")
PATH = "/api/v1/auth/introspect"

#: s; a session that was ended is refused after this at the latest.
FRESH = 5.0
#: Answers kept; a household has some tens of tokens, the rest is somebody who tries.
CAPACITY = 1000
TIMEOUT = httpx.Timeout(5.0, connect=2.0)


class AuthClientSettings(ServiceSettings):
    """The settings of a service that asks the Auth API."""

    auth_api_url: AnyHttpUrl | None = None

    @property
    def auth_addresses(self) -> Sequence[str]:
        """Where the Auth API is, in the order in which the addresses are tried."""
        return DEFAULT_ADDRESSES if self.auth_api_url is None else (str(self.auth_api_url).rstrip("/"),)


@dataclass(frozen=True)
class Caller:
    """Who makes a request."""

    user_id: UUID
    username: str | None = None
    role: str | None = None
    certify_adult: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the caller may do what concerns all."""
        return self.role == "admin"


class _Answer(BaseModel):
    """What RFC 7662, section 2.2, and the Auth API have in an answer; the rest is not ours."""

    active: bool
    sub: UUID | None = None
    username: str | None = None
    role: str | None = None
    certify_adult: bool = False
    exp: float | None = None


@dataclass(frozen=True)
class _Known:
    """An answer, and until when it may be used (s, monotonic)."""

    caller: Caller | None
    until: float


class Introspection(Part):
    """The Auth API, as another service sees it."""

    name = "auth"

    def __init__(self, addresses: Sequence[str]) -> None:
        """Remember the addresses; nothing is asked.

        :param addresses: like http://auth-api:8000; the first that answers is asked first from then on.
        """
        self._addresses = list(addresses)
        self._client: httpx.AsyncClient | None = None
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}
        self._is_answering: bool | None = None

    async def start(self) -> None:
        """Make the client."""
        # the environment's proxies are for the way out of the house
        self._client = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)

    async def stop(self) -> None:
        """Close the client's connections."""
        for task in list(self._asking.values()):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def check(self) -> Check:
        """Say whether the last question was answered; the service is ready without, as Auth may come later."""
        return Check("ok", facts={} if self._is_answering is None else {"answering": self._is_answering})

    async def find_caller(self, token: str) -> Caller | None:
        """Return whom a token belongs to; None when it is not valid (any more).

        Requests that come with one token at the same time share one question.

        :raises ProblemError: 503 `auth_unavailable`, when nobody answers and nothing is known.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known.until:
            return known.caller
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(token, digest))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._forget(digest, done))
        # whoever asked first may go away; the others still want the answer
        return await asyncio.shield(task)

    def _forget(self, digest: bytes, task: asyncio.Task[Caller | None]) -> None:
        del self._asking[digest]
        if not task.cancelled():
            task.exception()  # each that waits has it; none may be left

    async def _ask(self, token: str, digest: bytes) -> Caller | None:
        # from the question on: the answer may be as old as that
        until = time.monotonic() + FRESH
        answer = await self._fetch(token)
        if answer is None or not answer.active or answer.sub is None:
            caller = None
        else:
            caller = Caller(answer.sub, answer.username, answer.role, answer.certify_adult)
            if answer.exp is not None:
                until = min(until, time.monotonic() + answer.exp - time.time())
        self._known[digest] = _Known(caller, until)
        self._known.move_to_end(digest)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return caller

    async def _fetch(self, token: str) -> _Answer | None:
        """Ask one address after the other; None when the token itself is refused."""
        for address in list(self._addresses):
            try:
                response = await self._post(address, token)
            except httpx.HTTPError as error:
                logger.warning("the Auth API at %s does not answer: %s", address, error or type(error).__name__)
                continue
            if response.status_code == httpx.codes.UNAUTHORIZED:
                answer = None
            elif response.status_code == httpx.codes.OK and (parsed := _parse(response.content)) is not None:
                answer = parsed
            else:
                logger.warning("the Auth API at %s gave no answer to use: status %s", address, response.status_code)
                continue
            self._addresses.sort(key=lambda other: other != address)
            self._is_answering = True
            return answer
        self._is_answering = False
        raise unavailable("auth_unavailable", "The Auth API does not answer, so the token cannot be verified.")

    async def _post(self, address: str, token: str) -> httpx.Response:
        if self._client is None:
            message = "the client is not started"
            raise httpx.ConnectError(message)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return await self._client.post(f"{address}{PATH}", data={"token": token}, headers=headers)


def _parse(body: bytes) -> _Answer | None:
    try:
        return _Answer.model_validate_json(body)
    except ValidationError:
        return None
