"""A body that nobody means is refused, declared or not; what reads a stream takes any."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_service_testing.serving import Serving, serve

JSON = {"Content-Type": "application/json"}
TOO_LARGE = b'{"username": "' + b"x" * 2 * SERVICE.max_body + b'"}'


async def send_in_parts() -> AsyncIterator[bytes]:
    """Yield a body whose size nobody is told."""
    for start in range(0, len(TOO_LARGE), 100):
        yield TOO_LARGE[start : start + 100]


@pytest_asyncio.fixture(scope="module")
async def serving() -> AsyncIterator[Serving]:
    """Serve the sample without a database."""
    async with serve(SERVICE, SampleSettings.load()) as running:
        yield running


@pytest.mark.parametrize("path", ["/login", "/nowhere"])
async def test_declared_size_is_refused_everywhere(serving: Serving, path: str) -> None:
    answer = await serving.client.post(path, content=TOO_LARGE, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    assert answer.json()["detail"] == f"The body may have {SERVICE.max_body} bytes."
    assert answer.headers["content-type"] == "application/problem+json"


async def test_undeclared_size_is_refused_where_it_is_read(serving: Serving) -> None:
    answer = await serving.client.post("/login", content=send_in_parts(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")


async def test_largest_body_is_taken(serving: Serving) -> None:
    body = b'{"username": "Ana", "password": "' + b"x" * (SERVICE.max_body - 35) + b'"}'
    assert len(body) == SERVICE.max_body
    assert (await serving.client.post("/login", content=body, headers=JSON)).status_code != 413


async def test_stream_may_have_any_size(serving: Serving) -> None:
    for content in (TOO_LARGE, send_in_parts()):
        answer = await serving.client.post("/stream", content=content)
        assert (answer.status_code, answer.json()) == (200, len(TOO_LARGE))
