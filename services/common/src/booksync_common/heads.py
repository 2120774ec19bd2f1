"""Heads of requests of a size that somebody may mean, lest a client fill the memory.

httptools gathers an address, a header, a trailer or a chunk's extension until it is whole, however much comes; and what
cannot be read Uvicorn answers in plain text. Here, as everywhere, it is a problem.
"""

import logging
import uuid
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from booksync_common.logs import request_id
from booksync_common.problems import ProblemError, build_response
from booksync_common.requests import SECURITY_HEADERS

logger = logging.getLogger("booksync.access")

#: Bytes of an address, and of all header fields together; httptools counts in an address with 16 bits.
LIMIT = 65_535

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

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as far as it may be the head of a request."""
        self._silent += len(data)
        super().data_received(data)
        if self._silent > LIMIT and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._fields = self._silent = 0
        super().on_message_begin()

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
        current = uuid.uuid4().hex
        token = request_id.set(current)
        problem = self._describe()
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
            return ProblemError(414, "uri_too_long", f"The address may have {LIMIT} bytes.")
        if self._fields > LIMIT or self._silent > LIMIT:
            return ProblemError(431, "header_fields_too_large", f"The header fields may have {LIMIT} bytes together.")
        return ProblemError(400, "bad_request", "This is not HTTP/1.1 as RFC 9112 has it.")


def _refuse(condition: bool) -> None:
    """Stop the parser, which makes an error of its own of this one."""
    if condition:
        raise ValueError
