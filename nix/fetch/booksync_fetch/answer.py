"""A server's answer, read in a thread that can be left behind.

A connection that brings nothing cannot be asked to end: the name may not resolve, the server may not accept, or fall
silent half-way, and a socket that has timed out once cannot be read again. So the thread that waits is another one than
the thread that writes what comes, and the latter can stop at any time. What is left behind has no file open.
"""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any, NamedTuple, Union

from booksync_fetch.cache import CHUNK_BYTES
from booksync_fetch.progress import Progress

TIMEOUT = 60.0  # s without a byte
POLL = 0.2  # s between looks at whether the fetch was interrupted
#: Chunks that have come and are not written yet.
WAITING = 4


class Head(NamedTuple):
    """What comes before the body."""

    status: int
    headers: Message


#: The last one is empty, or why there is no more.
Part = Union[Head, bytes, Exception]


class Answer:
    """An answer on its way; use it as opened by :func:`ask`."""

    def __init__(self, request: urllib.request.Request, context: ssl.SSLContext | None) -> None:
        self.parts: queue.Queue[Part] = queue.Queue(WAITING)
        self.left = threading.Event()
        threading.Thread(target=self._read, args=(request, context), daemon=True).start()

    def take(self, progress: Progress) -> Any:
        """Return the next part: the head, then chunks, an empty one at the end.

        :raises OSError, HTTPException, ValueError: what urllib says
        :raises CancelledError: the fetch was interrupted
        """
        while True:
            try:
                part = self.parts.get(timeout=POLL)
            except queue.Empty:
                progress.ensure_wanted()
                continue
            if isinstance(part, Exception):
                raise part
            return part

    def _read(self, request: urllib.request.Request, context: ssl.SSLContext | None) -> None:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT, context=context) as response:  # noqa: S310
                self._put(Head(response.status, response.headers))
                # read() would wait for a whole chunk, and lose it when it is cut
                while not self.left.is_set() and (chunk := response.read1(CHUNK_BYTES)):
                    self._put(chunk)
            self._put(b"")
        except Exception as error:  # noqa: BLE001 - raised where it is taken
            self._put(error)

    def _put(self, part: Part) -> None:
        while not self.left.is_set():
            with contextlib.suppress(queue.Full):
                return self.parts.put(part, timeout=POLL)
        return None


@contextlib.contextmanager
def ask(request: urllib.request.Request, context: ssl.SSLContext | None) -> Iterator[Answer]:
    """Ask a server; its answer is left at the end of the block, wherever it is."""
    answer = Answer(request, context)
    try:
        yield answer
    finally:
        answer.left.set()
