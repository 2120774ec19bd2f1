"""Texts of many requests, encoded together.

A model encodes 32 texts in little more time than one. While a batch is being encoded, what comes in waits; the next
batch takes all of it, up to the batch size. Nothing is held back to fill a batch, so a single request loses no time.
The line is bounded: past its end a request is told to come back, rather than to wait longer than its client does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from booksync_common.problems import unavailable

#: Texts that may wait: seconds of work for a Raspberry Pi.
CAPACITY = 1000

Vector = list[float]
Encode = Callable[[Sequence[str]], Awaitable[list[Vector]]]


class Batches:
    """A line of texts before an encoder that takes several at once, one call after the other."""

    def __init__(self, encode: Encode, *, size: int, capacity: int = CAPACITY) -> None:
        """Remember how to encode.

        :param size: texts a call.
        :param capacity: texts that may wait; a request with more than that passes when nothing else waits.
        """
        self._encode = encode
        self._size = size
        self._capacity = capacity
        self._waiting: deque[tuple[str, asyncio.Future[Vector]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def encode(self, texts: Sequence[str]) -> list[Vector]:
        """Return a vector for each text.

        :raises ProblemError: 503 `encoder_busy`, when too many texts wait already.
        """
        if not texts:
            return []
        if self._waiting and len(self._waiting) + len(texts) > self._capacity:
            raise unavailable("encoder_busy", "Too many texts wait to be embedded; try again in a moment.")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Vector]] = [loop.create_future() for _ in texts]
        self._waiting.extend(zip(texts, futures, strict=True))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="batches")
        try:
            return await asyncio.gather(*futures)
        except BaseException:
            # what this request still has in the line is not worth encoding
            for future in futures:
                future.cancel()
            raise

    def stop(self) -> None:
        """Let those who wait go, with CancelledError."""
        if self._task is not None:
            self._task.cancel()
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()

    async def _drain(self) -> None:
        try:
            while batch := self._take():
                await self._settle(batch)
        finally:
            self._task = None

    def _take(self) -> list[tuple[str, asyncio.Future[Vector]]]:
        batch: list[tuple[str, asyncio.Future[Vector]]] = []
        while self._waiting and len(batch) < self._size:
            text, future = self._waiting.popleft()
            if not future.done():
                batch.append((text, future))
        return batch

    async def _settle(self, batch: Sequence[tuple[str, asyncio.Future[Vector]]]) -> None:
        try:
            vectors = await self._encode([text for text, _ in batch])
        except BaseException as error:
            failure = error if isinstance(error, Exception) else None
            for _, future in batch:
                if future.done():
                    continue
                if failure is None:
                    future.cancel()
                else:
                    future.set_exception(failure)
            if failure is None:
                raise
        else:
            for (_, future), vector in zip(batch, vectors, strict=True):
                if not future.done():
                    future.set_result(vector)
