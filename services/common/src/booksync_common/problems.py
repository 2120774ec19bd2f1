"""Errors as RFC 9457 problem details: one exception with a code, and one place that turns all errors into answers."""

import logging
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from booksync_common.logs import request_id

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2

#: Of the errors of a request, that are told; one that is all wrong has one for every few bytes.
MAX_ERRORS = 100

#: A shorter value is in a message by chance.
QUOTED_LENGTH = 4

logger = logging.getLogger(__name__)

#: Codes of what Starlette and FastAPI refuse by themselves.
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "content_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}

# PostgreSQL, appendix A
#: Rolled back for others, as in a deadlock, and lock_not_available.
BUSY_STATES = ("40", "55P03")
#: What may be over in a moment: these, no connection, full, and ended.
PASSING_STATES = (*BUSY_STATES, "08", "53", "57")

# attributes of asyncpg's errors
_PLACES = ("table_name", "column_name", "constraint_name")


class ProblemError(Exception):
    """An answer that is not what the client hoped for."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the problem.

        :param code: stable, for programs.
        :param detail: one sentence, for people; nothing that a client must not see.
        :param errors: one a wrong field: `{"location": ["body", "name"], "code", "message"}`.
        """
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


def unavailable(code: str, detail: str, *, retry_after: int = RETRY_SECONDS) -> ProblemError:
    """Make a 503 that says when to come back.

    :param retry_after: seconds.
    """
    return ProblemError(503, code, detail, headers={"Retry-After": str(retry_after)})


def build_response(problem: ProblemError, *, instance: str) -> Response:
    """Make the answer.

    :param instance: the path of the request.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        "errors": [dict(error) for error in problem.errors],
        "request_id": request_id.get(),
    }
    return JSONResponse(body, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def from_http(error: HTTPException) -> ProblemError:
    """Translate Starlette's exception."""
    code = _CODES.get(error.status_code, HTTPStatus(error.status_code).name.lower())
    return ProblemError(error.status_code, code, str(error.detail), headers=error.headers)


def from_validation(error: RequestValidationError) -> ProblemError:
    """Translate what pydantic refused: where and why, never the value, which may be a password.

    pydantic quotes values in `input`, in `ctx` and, for some types, in the message.
    """
    errors = [
        {
            "location": [part if isinstance(part, int) else str(part)[:64] for part in item["loc"]],
            "code": item["type"],
            "message": _message(item),
        }
        for item in islice(error.errors(), MAX_ERRORS)
    ]
    return ProblemError(
        422, "validation_failed", "The request is not what this endpoint expects: see errors.", errors=errors
    )


def _message(item: Mapping[str, Any]) -> str:
    message = str(item["msg"])
    value = item.get("input")
    if isinstance(value, str) and len(value) >= QUOTED_LENGTH and value in message:
        return "The value is not valid."
    return message


def from_database(error: DBAPIError) -> ProblemError:
    """Translate a failure of the database: a passing one, a conflict with what is stored, or a mistake of ours."""
    if isinstance(error, IntegrityError):
        return ProblemError(409, "conflict", "The request conflicts with what is stored.")
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state.startswith(BUSY_STATES):
        return unavailable("busy", "Another request changes the same data at this moment.")
    lost = error.connection_invalidated or isinstance(error, (InterfaceError, OperationalError))
    if lost or state.startswith(PASSING_STATES):
        return unavailable("database_unavailable", "The database does not answer at the moment.")
    return internal()


def describe_database(error: DBAPIError) -> str:
    """Say what the database refused and where, for the log.

    Rows and values that PostgreSQL quotes are left out, as they are personal: they are in the details, and for what is
    wrong with a value (classes 22 and 23) also in the message.
    """
    cause = getattr(error.orig, "__cause__", None) or error.orig
    state = str(getattr(cause, "sqlstate", None) or "")
    words = [type(cause).__name__, state, *(str(getattr(cause, name, None) or "") for name in _PLACES)]
    if not state.startswith(("22", "23")):
        words.append(str(cause).partition("\n")[0])
    return " ".join(filter(None, words))


def internal() -> ProblemError:
    """Make the answer to a mistake of ours: the log has the rest, under the request's id."""
    return ProblemError(500, "internal_error", "Something went wrong here; the log of the service says what.")


def _find_methods(app: FastAPI, request: Request) -> list[str]:
    routes = [route for route in app.router.routes if isinstance(route, Route)]
    found = [route.methods or () for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
    return sorted({method for methods in found for method in methods})


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem."""

    def answer(problem: ProblemError, request: Request) -> Response:
        return build_response(problem, instance=request.url.path)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - as registered below
        return answer(error, request)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names those of the first route that has the path (RFC 9110, section 15.5.6: all of them)
            error.headers = {"Allow": ", ".join(_find_methods(app, request))}
        return answer(from_http(error), request)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(from_validation(error), request)

    async def on_pool_timeout(request: Request, error: Exception) -> Response:
        logger.warning("every connection of the pool is in use: %s", error)
        return answer(unavailable("database_busy", "The service is busy; try again in a moment."), request)

    async def on_database(request: Request, error: Exception) -> Response:
        assert isinstance(error, DBAPIError)  # noqa: S101
        problem = from_database(error)
        # where it happened, without the messages, which have values in them
        frames = {"traceback": "".join(traceback.format_tb(error.__traceback__))} if problem.status == 500 else {}
        logger.error("a statement failed: %s", describe_database(error), extra=frames)
        return answer(problem, request)

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(PoolTimeoutError, on_pool_timeout)
    app.add_exception_handler(DBAPIError, on_database)
