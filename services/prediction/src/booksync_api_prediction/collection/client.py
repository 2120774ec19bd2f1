"""Fetch a user's collection from Mangacollec, with a token that the Auth API hands out, and keep it for some minutes.

Mangacollec is somebody else's, and slow: one request a user at a time, an answer is used again while it is fresh, and
longer than that while no new one can be had.
"""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from booksync_api_prediction.collection.parsing import Collection, parse_collection
from booksync_common.auth_client import AuthClient
from booksync_common.parts import Part
from booksync_common.problems import ProblemError

logger = logging.getLogger(__name__)

TOKEN_PATH = "/api/v1/mangacollec/token"  # noqa: S105 - an address
COLLECTION_PATH = "/v2/users/me/collection"

# s
FRESH = 300.0
KEPT = 24 * 3600.0
TIMEOUT = httpx.Timeout(10.0, connect=3.0)

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
        self._locks: dict[UUID, asyncio.Lock] = {}
        self._failed: dict[UUID, tuple[float, int]] = {}  # when (s, monotonic), and with which status

    async def start(self) -> None:
        """Make the client."""
        self._client = httpx.AsyncClient(timeout=TIMEOUT)

    async def stop(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    def forget(self, user_id: UUID) -> None:
        """Drop what is kept of a user."""
        self._known.pop(user_id, None)
        self._failed.pop(user_id, None)

    async def find(self, user_id: UUID, token: str) -> Collection | None:
        """Return a user's collection; None when the user has no link to Mangacollec.

        :param token: the user's, of the Auth API.
        :raises ProblemError: 502 `mangacollec_unavailable` or 504, when it cannot be had, and none is kept.
        """
        begun = time.monotonic()
        lock = self._locks.setdefault(user_id, asyncio.Lock())
        async with lock:
            now = time.monotonic()
            known = self._known.get(user_id)
            if known is not None and now - known.asked < FRESH:
                return known.collection
            try:
                collection = await self._fetch_unless_failed(user_id, token, begun)
            except ProblemError as problem:
                if known is None or now - known.asked > KEPT:
                    raise
                logger.warning("an older collection is used: %s", problem.detail)
                return known.collection
            if collection is None:
                self.forget(user_id)
                return None
            self._known[user_id] = _Known(collection, now)
            self._known.move_to_end(user_id)
            while len(self._known) > CAPACITY:
                self._known.popitem(last=False)
            return collection

    async def _fetch_unless_failed(self, user_id: UUID, token: str, begun: float) -> Collection | None:
        """Fetch, unless that has failed for another request since this one began: a hang is not waited for in turn."""
        failed_at, status = self._failed.get(user_id, (-math.inf, 0))
        if failed_at >= begun:
            raise _unavailable(status)
        try:
            return await self._fetch(token)
        except ProblemError as problem:
            self._failed[user_id] = time.monotonic(), problem.status
            raise

    async def _fetch(self, token: str) -> Collection | None:
        try:
            response = await self._auth.get(TOKEN_PATH, token=token)
        except ProblemError as problem:
            # it has just said whose the token is: what it cannot reach is Mangacollec
            raise _unavailable(502) from problem
        if response.status_code in {404, 409}:
            return None
        try:
            access = _Token.model_validate_json(response.content if response.is_success else b"")
        except ValidationError:
            logger.warning("the Auth API gives no token for Mangacollec: status %s", response.status_code)
            raise _unavailable(502) from None
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
        body = bytearray()
        try:
            async with self._client.stream("GET", f"{self._base_url}{COLLECTION_PATH}", headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    logger.warning("Mangacollec gives no collection: status %s", response.status_code)
                    raise _unavailable(502)
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        logger.warning("Mangacollec's collection has more than %s bytes", MAX_ANSWER)
                        raise _unavailable(502)
        except httpx.TimeoutException as error:
            raise _unavailable(504) from error
        except httpx.HTTPError as error:
            logger.warning("Mangacollec does not answer: %s", str(error) or type(error).__name__)
            raise _unavailable(502) from error
        return bytes(body)


def _unavailable(status: int) -> ProblemError:
    detail = "The collection on Mangacollec cannot be had at the moment: try again, or send the pile with the request."
    return ProblemError(status, "mangacollec_unavailable", detail)
