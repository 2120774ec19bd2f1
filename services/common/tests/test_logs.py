"""Logs are JSON, one object a line, whoever writes them, and know the request."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from booksync_common.logs import configure_logs, request_id


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Configure the logs, and put everything back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_logs("booksync-api-test", debug=False, stream=written)
    yield written
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    """Parse every line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_has_time_level_service_and_extra_values(stream: io.StringIO) -> None:
    logging.getLogger("there").info("hello %s", "été", extra={"milliseconds": 3})
    (entry,) = read(stream)
    assert entry["message"] == "hello été"
    assert (entry["level"], entry["service"], entry["logger"]) == ("info", "booksync-api-test", "there")
    assert entry["milliseconds"] == 3
    assert entry["time"].endswith("+00:00")


def test_line_knows_the_request(stream: io.StringIO) -> None:
    token = request_id.set("abc")
    logging.getLogger("there").info("hello")
    request_id.reset(token)
    logging.getLogger("there").info("hello")
    inside, outside = read(stream)
    assert inside["request_id"] == "abc"
    assert "request_id" not in outside


def test_traceback_is_in_the_line(stream: io.StringIO) -> None:
    try:
        message = "many\nlines"
        raise RuntimeError(message)
    except RuntimeError:
        logging.getLogger("there").exception("failed")
    (entry,) = read(stream)
    assert "RuntimeError: many\nlines" in entry["exception"]


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error"])
def test_uvicorns_loggers_write_the_same(stream: io.StringIO, name: str) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(logging.StreamHandler(stream))
    configure_logs("booksync-api-test", debug=False, stream=stream)
    logger.info("started")
    (entry,) = read(stream)
    assert (entry["logger"], entry["message"]) == (name, "started")


def test_warning_of_python_is_a_line(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    (entry,) = read(stream)
    assert entry["logger"] == "py.warnings"


def test_debug_sets_the_level(stream: io.StringIO) -> None:
    logging.getLogger("there").debug("hidden")
    configure_logs("booksync-api-test", debug=True, stream=stream)
    logging.getLogger("there").debug("shown")
    assert [entry["message"] for entry in read(stream)] == ["shown"]
