"""Idempotency-Key: a client that got no answer asks again, and gets that same answer instead of a second write.

The key is claimed in the transaction that does the work and kept with the answer, so that there is either both or
nothing. Whoever comes with the same key meanwhile waits for that transaction.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from booksync_common.problems import ProblemError

HEADER_REPLAYED = "Idempotent-Replayed"

_CLAIM = text("""
    INSERT INTO data.idempotency_keys (caller, key, request_hash, response)
    VALUES (:caller, :key, '', '') ON CONFLICT DO NOTHING RETURNING key
""")
_FIND = text("SELECT request_hash, response FROM data.idempotency_keys WHERE caller = :caller AND key = :key")
_KEEP = text("""
    UPDATE data.idempotency_keys SET request_hash = :request_hash, response = :response
    WHERE caller = :caller AND key = :key
""")
# a hundred at a time: more go than come
_DROP_OLD = text("""
    DELETE FROM data.idempotency_keys WHERE (caller, key) IN (
        SELECT caller, key FROM data.idempotency_keys WHERE created_at < now() - interval '1 day'
        ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
""")

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]*$",
        description="Repeat a request with the same key within a day, and it is not done twice.",
    ),
]


@dataclass(frozen=True)
class Answered:
    """A request that was done, and its answer."""

    request_hash: bytes
    body: bytes

    def repeat(self, request_hash: bytes) -> Response:
        """Give the answer again.

        :raises ProblemError: 422 `idempotency_key_reused`, for another request.
        """
        if self.request_hash != request_hash:
            detail = "This Idempotency-Key was used for another request: take a new one."
            raise ProblemError(422, "idempotency_key_reused", detail)
        return build_answer(self.body, headers={HEADER_REPLAYED: "true"})


@dataclass(frozen=True)
class Once:
    """A request that is to be done once, where it has a key."""

    request: Request
    key: str | None

    async def find(self, session: AsyncSession, caller: str) -> Answered | None:
        """Claim the key for this transaction; return what another one has left under it."""
        if self.key is None:
            return None
        await session.execute(_DROP_OLD)
        values = {"caller": caller, "key": self.key}
        if (await session.execute(_CLAIM, values)).one_or_none() is not None:
            return None
        stored = (await session.execute(_FIND, values)).one()
        return Answered(stored.request_hash, stored.response)

    async def keep(self, session: AsyncSession, caller: str, answered: Answered) -> None:
        """Keep the answer, in the transaction of the claim."""
        if self.key is not None:
            values = {"request_hash": answered.request_hash, "response": answered.body}
            await session.execute(_KEEP, {"caller": caller, "key": self.key, **values})

    def hash(self, body_digest: bytes) -> bytes:
        """Return what tells this request from another."""
        target = f"{self.request.method} {self.request.url.path}?{self.request.url.query}"
        return hashlib.sha256(target.encode() + b"\0" + body_digest).digest()

    async def do(self, session: AsyncSession, caller: str, work: Callable[[], Awaitable[bytes]]) -> Response:
        """Do what a request asks for, or answer as when it was done.

        :param work: returns the body of the answer, of JSON.
        """
        request_hash = self.hash(hashlib.sha256(await self.request.body()).digest())
        if (answered := await self.find(session, caller)) is not None:
            return answered.repeat(request_hash)
        body = await work()
        await self.keep(session, caller, Answered(request_hash, body))
        return build_answer(body)


def build_answer(body: bytes, *, headers: dict[str, str] | None = None) -> Response:
    """Make an answer of JSON."""
    return Response(body, media_type="application/json", headers=headers)


async def _read_key(request: Request, key: KeyHeader = None) -> Once:
    return Once(request, key)


MayRepeat = Annotated[Once, Depends(_read_key)]
