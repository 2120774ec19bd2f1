"""What happens to every request: an id, a line in the log, a figure, headers, and an answer even to our mistakes."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booksync_common.logs import request_id
from booksync_common.metrics import Metrics
from booksync_common.problems import build_response, internal, unavailable
from booksync_common.startup import Startup

logger = logging.getLogger("booksync.access")
failures = logging.getLogger(__name__)

#: An id from outside is taken when it cannot do harm in a log.
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

#: Addresses that answer during start-up.
ALWAYS_OPEN = re.compile(r"(/api/v1)?/(health|docs)(/.*)?|/metrics|/openapi\.json")

#: An answer that does not set these itself gets them.
SECURITY_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class RequestMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        current = given.decode() if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        token = request_id.set(current)
        begun = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                present = {name for name, _ in headers}
                added = [(name, value) for name, value in SECURITY_HEADERS.items() if name not in present]
                message["headers"] = [*headers, (b"x-request-id", current.encode()), *added]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, send_with_headers, is_begun=lambda: status != 0)
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, status=status, seconds=time.perf_counter() - begun)
            request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, is_begun: Callable[[], bool]) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            failures.exception("a request failed")
            if is_begun():
                raise  # half an answer is out: the server closes the connection
            response = build_response(internal(), instance=scope["path"])
            await response(scope, receive, send)

    def _record(self, scope: Scope, *, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None)
        self._metrics.observe(method=scope["method"], route=route, status=status, seconds=seconds)
        client = scope.get("client")
        is_routine = status == 200 and (
            scope["path"] == "/metrics" or scope["path"].startswith(("/health", "/api/v1/health"))
        )
        logger.log(
            logging.DEBUG if is_routine else logging.INFO,
            "%s %s %s",
            scope["method"],
            scope["path"],  # without the query, which may have what is personal
            status,
            extra={"milliseconds": round(1000 * seconds, 1), "client": client[0] if client else None},
        )


class StartingMiddleware:
    """Answer 503 until start-up is done."""

    def __init__(self, app: ASGIApp, *, startup: Startup) -> None:
        """Wrap an application."""
        self._app = app
        self._startup = startup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or not yet."""
        if scope["type"] != "http" or self._startup.is_ready or ALWAYS_OPEN.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        problem = unavailable("starting", f"The service is not ready yet: {self._startup.stage}.")
        await build_response(problem, instance=scope["path"])(scope, receive, send)
