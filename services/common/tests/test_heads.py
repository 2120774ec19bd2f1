"""The head of a request may have the size that somebody means, and what is no request is told so, as a problem."""

import json
import socket
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from booksync_common.heads import LIMIT
from booksync_common.requests import SECURITY_HEADERS
from booksync_service_testing import processes
from booksync_service_testing.serving import PATIENCE

# bytes: what an endless request sends at most, and what the process may grow by meanwhile
ENDLESS = 64 * 1024**2
GROWTH = 8 * 1024**2

PIECE = b"x" * 64 * 1024
POST = b"POST /stream HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=[False, True], ids=["serve", "uvicorn"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Running]:
    """Run the sample, by its own command or by Uvicorn's."""
    folder = tmp_path_factory.mktemp("heads")
    words = [*processes.write_uvicorn(folder), "booksync_api_sample.main:app"] if request.param else ["serve"]
    with processes.start("sample", *words, log_path=folder / "log") as running:
        running.wait_for("/health", 200)
        yield running


def read_all(connection: socket.socket) -> bytes:
    """Read to the end, which a service that has not read everything may make abrupt."""
    answer = b""
    try:
        while piece := connection.recv(64 * 1024):
            answer += piece
    except ConnectionError:
        pass
    return answer


def ask(service: processes.Running, request: bytes) -> bytes:
    """Send a request, and read until the service closes."""
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as connection:
        connection.sendall(request)
        return read_all(connection)


def get(path: bytes = b"/nowhere", *fields: bytes) -> bytes:
    """Write a request that is the last of its connection."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: service", b"Connection: close", *fields]
    return b"\r\n".join([*lines, b"", b""])


def read_problem(answer: bytes) -> tuple[int, str]:
    """Check an answer's form, and return its status and code."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.lower().split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert len(headers) == len(lines)
    assert headers[b"content-type"] == b"application/problem+json"
    assert int(headers[b"content-length"]) == len(body)
    assert headers[b"connection"] == b"close"
    assert headers.keys() >= SECURITY_HEADERS.keys()
    problem = json.loads(body)
    assert problem["request_id"] == headers[b"x-request-id"].decode()
    assert problem["status"] == int(first.split()[1])
    return problem["status"], problem["code"]


FIELDS = [b"A: " + 990 * b"x"] * 65  # 64,805 bytes as they are counted, and those of `get`'s own


@pytest.mark.parametrize("fields", [[], FIELDS], ids=["address", "both"])
def test_largest_head_is_taken(service: processes.Running, fields: list[bytes]) -> None:
    assert ask(service, get(b"/nowhere?" + (LIMIT - 9) * b"x", *fields)).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get(b"/nowhere?" + (LIMIT - 8) * b"x"), (414, "uri_too_long")),
        (get(b"/nowhere?" + 2 * LIMIT * b"x"), (414, "uri_too_long")),
        (get(b"/nowhere", *FIELDS, b"A: " + 990 * b"x"), (431, "header_fields_too_large")),
        (get(b"/nowhere", b"A: " + LIMIT * b"x"), (431, "header_fields_too_large")),
        (get(b"/nowhere", *LIMIT * [b"A:"]), (431, "header_fields_too_large")),
        (b"EHLO service\r\n\r\n", (400, "bad_request")),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", (400, "bad_request")),  # TLS
        (get(b"/\xc3\xa9"), (400, "bad_request")),
        (get(b"/nowhere", b"Content-Length: many"), (400, "bad_request")),
    ],
    ids=["address", "long address", "fields", "one field", "many fields", "SMTP", "TLS", "bytes", "length"],
)
def test_what_is_refused_is_a_problem(service: processes.Running, request_: bytes, expected: tuple[int, str]) -> None:
    assert read_problem(ask(service, request_)) == expected


def test_answer_repeats_no_query(service: processes.Running) -> None:
    answer = ask(service, get(b"/nowhere?token=canary" + LIMIT * b"x"))
    assert b"/nowhere" in answer
    assert b"canary" not in answer


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nA: ",
        b"GET / HTTP/1.1\r\n",
        POST + b"1;",
        POST + b"1\r\nx\r\n0\r\nA: ",
    ],
    ids=["address", "field", "name", "extension", "trailer"],
)
def test_endless_head_fills_no_memory(service: processes.Running, begin: bytes) -> None:
    before = service.memory("VmRSS")
    sent = 0
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as connection:
        try:
            for piece in chain([begin], repeat(PIECE, ENDLESS // len(PIECE))):
                connection.sendall(piece)
                sent += len(piece)
        except ConnectionError:
            pass
    assert sent < ENDLESS
    assert service.memory("VmHWM") - before < GROWTH
    service.wait_for("/health", 200)


def test_each_request_of_a_connection_has_its_own_head(service: processes.Running) -> None:
    request = b"GET /nowhere HTTP/1.1\r\nHost: service\r\nA: " + 8000 * b"x" + b"\r\n\r\n"
    answer = ask(service, 20 * request + get())
    assert answer.count(b"HTTP/1.1 404 ") == 21


def test_body_is_no_head(service: processes.Running) -> None:
    size = 4 * LIMIT
    request = b"POST /stream HTTP/1.1\r\nHost: service\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert ask(service, request + size * b"x").startswith(b"HTTP/1.1 200 ")
