"""Logs as JSON, one object a line, on standard error: ours, Uvicorn's and Python's warnings alike."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

#: The id of the request that is being answered; None outside of one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

#: json.dumps would make one a line.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)

#: Attributes of every record; what a caller gives as `extra` is beside them.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}

#: They bring handlers of their own, or say more than anybody reads.
_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_TALKATIVE = ("httpx", "httpcore", "asyncio", "urllib3", "filelock", "alembic")


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's time (UTC), level, message, request and extra values; a traceback is a string in it."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            entry["request_id"] = current
        entry |= {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _ENCODER.encode(entry)


def configure_logs(service: str, *, debug: bool, stream: TextIO | None = None) -> None:
    """Send every logger's records to one handler.

    Uvicorn's own access log is turned off: the one of `requests` has the request's id and how long it took.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # each record would get what no line of ours has
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False  # type: ignore[attr-defined]
