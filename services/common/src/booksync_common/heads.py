"""Heads of requests of a size that somebody may mean, in a time that it may take, lest a client fill the memory.

httptools gathers an address, a header, a trailer or a chunk's extension until it is whole, however much comes and
however long it takes; and what cannot be read Uvicorn answers in plain text. Here, as everywhere, it is a problem.
"""

import asyncio
import logging
import secrets
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from booksync_common.logs import request_id
from booksync_common.problems import ProblemError, build_response
from booksync_common.requests import SECURITY_HEADERS

logger = logging.getLogger("booksync.access")

#: Bytes of an address, and of all header fields together; httptools counts in an address with 16 bits.
LIMIT = 65_535

#: From a connection, or the first bytes of a request, to the end of its head (s).
SECONDS = 10.0

_SEPARATORS = len(b": \r\n")

#: Characters of a path that go into an answer to an address that is too long.
_SHOWN = 256


class HeadLimitProtocol(HttpToolsProtocol):
    """HTTP/1.1 for Uvicorn, which makes one for each connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what Uvicorn gives."""
        super().__init__(*arguments, **options)
        self.url = b""
        self._fields = 0
        self._silent = 0  # bytes since the parser last reported anything: of a part that is not yet whole
        self._is_begun = False  # a head, which is not yet whole
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._begin_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as it may be the head of a request."""
        self._silent += len(data)
        super().data_received(data)
        if self._silent > LIMIT and not self.transport.is_closing():
            self.send_400_response("")
        # where something is being answered, its head has come in one piece
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]  # there is none at first
            self._begin_deadline()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._fields = self._silent = 0
        self._is_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End to wait."""
        self._is_begun = False
        self._end_deadline()
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._silent = 0
        super().on_url(url)
        _refuse(len(self.url) > LIMIT)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or a trailer field."""
        self._silent = 0
        self._fields += len(name) + len(value) + _SEPARATORS
        _refuse(self._fields > LIMIT)
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, whose size is others' concern."""
        self._silent = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - Uvicorn gives it
        """Answer what cannot be read, and close."""
        self._answer(self._describe())

    def _begin_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(SECONDS, self._give_up)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """Close, and say why where something was asked."""
        if self._is_begun:
            self._answer(
                ProblemError(408, "request_timeout", f"The head of a request may take at most {SECONDS:g} seconds.")
            )
        else:
            self.transport.close()

    def _answer(self, problem: ProblemError) -> None:
        current = secrets.token_hex(16)
        token = request_id.set(current)
        path = self.url.partition(b"?")[0][:_SHOWN].decode("ascii", errors="replace")
        response = build_response(problem, instance=path)
        logger.info("%s: %s", problem.status, problem.detail, extra={"client": self.client[0] if self.client else None})
        request_id.reset(token)
        headers = {**SECURITY_HEADERS, **dict(response.raw_headers), b"x-request-id": current.encode()}
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[problem.status] + lines + b"connection: close\r\n\r\n" + response.body)
        self.transport.close()

    def _describe(self) -> ProblemError:
        if len(self.url) > LIMIT:
            return ProblemError(414, "uri_too_long", f"The URL may have at most {LIMIT} bytes.")
        if self._fields > LIMIT or self._silent > LIMIT:
            return ProblemError(
                431, "header_fields_too_large", f"The header fields may have at most {LIMIT} bytes together."
            )
        return ProblemError(400, "bad_request", "This is not HTTP/1.1 as RFC 9112 has it.")


def _refuse(condition: bool) -> None:
    """Stop the parser, which makes an error of its own of this one."""
    if condition:
        raise ValueError
