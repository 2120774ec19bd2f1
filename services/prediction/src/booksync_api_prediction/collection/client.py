"""Fetch a user's collection from Mangacollec, with a token that the Auth API hands out, and keep it for some minutes.

Mangacollec is somebody else's, and slow: one request at a time, an answer is used again while it is fresh, and longer
than that while no new one can be had; after a failure nobody asks for a while.
"""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import httpx
from httpx import codes
from pydantic import BaseModel, SecretStr, ValidationError

from booksync_api_prediction.collection.parsing import Collection, parse_collection
from booksync_common.auth_client import AuthClient, read_code
from booksync_common.clients import NO_COOKIES, AnswerTooLongError, read_answer
from booksync_common.parts import Part
from booksync_common.problems import ProblemError
from booksync_common.retry_after import parse_retry_after

logger = logging.getLogger(__name__)

TOKEN_PATH = "/api/v1/mangacollec/token"  # noqa: S105 - an address
COLLECTION_PATH = "/v2/users/me/collection"

# s
FRESH = 300.0
KEPT = 24 * 3600.0
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
#: Of a fetch as a whole: a site may send a byte now and then for ever.
DEADLINE = 15.0
#: Of the Auth API, which may have to ask the site, too, and wait for its turn.
PATIENT = httpx.Timeout(DEADLINE, connect=2.0)
#: For a newer collection, where an older one is kept.
PATIENCE = 1.0
#: After a failure, and at most where the site itself says how long.
REST = 30.0
MAX_REST = 3600.0

#: Collections kept; a household has ten profiles.
CAPACITY = 50
#: Bytes; 20,000 volumes with their synopses are less.
MAX_ANSWER = 64 * 1024 * 1024


class _Token(BaseModel):
    access_token: SecretStr


@dataclass(frozen=True)
class _Known:
    """A collection, and when it was asked for (s, monotonic)."""

    collection: Collection
    asked: float


class Collections(Part):
    """Mangacollec, as far as it is needed here."""

    name = "collections"

    def __init__(self, auth: AuthClient, base_url: str) -> None:
        """Remember the addresses; connects to nothing."""
        self._auth = auth
        self._base_url = base_url.rstrip("/")
        self._client: httpx.AsyncClient | None = None
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._fetches: dict[UUID, asyncio.Task[Collection | None]] = {}
        self._forgotten: set[UUID] = set()  # since their fetches began
        self._turn = asyncio.Lock()
        self._rests_until = 0.0  # s, monotonic
        self._status = 502  # of its last failure

    async def start(self) -> None:
        """Make the client."""
        self._client = httpx.AsyncClient(timeout=TIMEOUT, cookies=NO_COOKIES)

    async def stop(self) -> None:
        """End what is being fetched, and close the connections."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def forget(self, user_id: UUID) -> None:
        """Drop what is kept of a user; what is on its way is answered with, and not kept."""
        self._known.pop(user_id, None)
        if user_id in self._fetches:
            self._forgotten.add(user_id)

    async def find(self, user_id: UUID, token: str) -> Collection | None:
        """Return a user's collection; None when the user has no link to Mangacollec.

        :param token: the user's, of the Auth API.
        :raises ProblemError: 502 `mangacollec_unavailable` or 504, when it cannot be had, and none is kept.
        """
        known = self._known.get(user_id)
        age = math.inf if known is None else time.monotonic() - known.asked
        if known is not None and age < FRESH:
            return known.collection
        fetch = self._fetches.get(user_id) or self._begin(user_id, token)
        try:
            async with asyncio.timeout(PATIENCE if age < KEPT else None):
                # who does not wait for it any more leaves it to those who ask next
                return await asyncio.shield(fetch)
        except (ProblemError, TimeoutError) as error:
            if known is None or age >= KEPT:
                raise
            logger.warning("an older collection is used: %s", str(error) or "a new one takes long")
            return known.collection

    def _begin(self, user_id: UUID, token: str) -> asyncio.Task[Collection | None]:
        """Begin to fetch, for all requests of a user that want it meanwhile."""
        self._forgotten.discard(user_id)
        fetch = self._fetches[user_id] = asyncio.create_task(self._renew(user_id, token))
        # looked at, for the case that nobody waits for it any more
        fetch.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return fetch

    async def _renew(self, user_id: UUID, token: str) -> Collection | None:
        try:
            async with self._turn:
                asked = time.monotonic()
                # also of who was before in the line
                if asked < self._rests_until:
                    raise _unavailable(self._status)
                async with asyncio.timeout(DEADLINE):
                    collection = await self._fetch(token)
        except TimeoutError as error:
            raise self._rest(504) from error
        finally:
            del self._fetches[user_id]
        if collection is None or user_id in self._forgotten:
            self._known.pop(user_id, None)
            return collection
        self._known[user_id] = _Known(collection, asked)
        self._known.move_to_end(user_id)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return collection

    def _rest(self, status: int, seconds: float | None = None) -> ProblemError:
        """Leave the site alone for a while, whoever asks, and return what they are told."""
        rest = REST if seconds is None else min(seconds, MAX_REST)
        self._rests_until = max(self._rests_until, time.monotonic() + rest)
        self._status = status
        return _unavailable(status)

    async def _fetch(self, token: str) -> Collection | None:
        try:
            response = await self._auth.get(TOKEN_PATH, token=token, patience=PATIENT)
        except ProblemError as problem:
            # it has just said whose the token is: what it cannot reach is Mangacollec
            raise _unavailable(502) from problem
        if response.status_code in {404, 409}:
            return None
        try:
            access = _Token.model_validate_json(response.content if response.is_success else b"")
        except ValidationError:
            status, code = response.status_code, read_code(response)
            logger.warning("the Auth API gives no token for Mangacollec: status %s, %s", status, code or "no problem")
            raise _unavailable(504 if status == codes.GATEWAY_TIMEOUT else 502) from None
        body = await self._download(access.access_token.get_secret_value())
        try:
            # a large one takes a second, which belongs to the others
            return await asyncio.to_thread(lambda: parse_collection(json.loads(body)))
        except (ValueError, RecursionError) as error:
            logger.warning("Mangacollec's collection cannot be read: %s", error)
            raise _unavailable(502) from error

    async def _download(self, access_token: str) -> bytes:
        if self._client is None:
            raise _unavailable(502)
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            async with self._client.stream("GET", f"{self._base_url}{COLLECTION_PATH}", headers=headers) as response:
                if response.status_code != codes.OK:
                    logger.warning("Mangacollec gives no collection: status %s", response.status_code)
                    if response.status_code == codes.TOO_MANY_REQUESTS:
                        raise self._rest(502, parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC)))
                    # another refusal is about one user
                    raise self._rest(502) if response.is_server_error else _unavailable(502)
                return await read_answer(response, limit=MAX_ANSWER)
        except AnswerTooLongError as error:  # about one user, too
            logger.warning("Mangacollec's collection is %s", error)
            raise _unavailable(502) from error
        except httpx.TimeoutException as error:
            raise self._rest(504) from error
        except httpx.HTTPError as error:
            logger.warning("Mangacollec does not answer: %s", str(error) or type(error).__name__)
            raise self._rest(502) from error


def _unavailable(status: int) -> ProblemError:
    detail = "The collection on Mangacollec cannot be had at the moment: try again, or send the pile with the request."
    return ProblemError(status, "mangacollec_unavailable", detail)
