"""A body that nobody means is refused, declared or not; a larger one is taken where it may be, from who is known."""

import math
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from fastapi import APIRouter, Request

from booksync_api_sample.program import PROGRAM
from booksync_api_sample.service import METADATA, SERVICE, SampleSettings
from booksync_common.auth_client import AuthClient, AuthClientSettings
from booksync_common.introspection import Introspection
from booksync_common.service import Service
from booksync_service_testing.fake_auth import FakeAuth
from booksync_service_testing.serving import Serving, serve

JSON = {"Content-Type": "application/json"}
TOO_LARGE = b'{"username": "' + b"x" * 2 * SERVICE.max_body + b'"}'

ROUTER = APIRouter()


@ROUTER.api_route("/stream", methods=["POST", "PUT"])
async def count(request: Request) -> int:
    """Count the bytes of a body as it comes."""
    return sum([len(chunk) async for chunk in request.stream()])


LARGE = Service(
    program=PROGRAM,
    title="Large",
    settings=AuthClientSettings,
    metadata=METADATA,
    routers=[ROUTER],
    max_body=1024,
    large_bodies={("POST", "/stream"): math.inf},
    parts=lambda settings: [Introspection(AuthClient(settings.auth_addresses))],
)


async def send_in_parts() -> AsyncIterator[bytes]:
    """Yield a body whose size nobody is told."""
    for start in range(0, len(TOO_LARGE), 100_000):
        yield TOO_LARGE[start : start + 100_000]


@pytest_asyncio.fixture(scope="module")
async def serving() -> AsyncIterator[Serving]:
    """Serve the sample without a database."""
    async with serve(SERVICE, SampleSettings.load()) as running:
        yield running


@pytest.mark.parametrize("path", ["/login", "/nowhere"])
async def test_declared_size_is_refused_everywhere(serving: Serving, path: str) -> None:
    answer = await serving.client.post(path, content=TOO_LARGE, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    assert answer.json()["detail"] == f"The body may have at most {SERVICE.max_body} bytes."
    assert answer.headers["content-type"] == "application/problem+json"


async def test_undeclared_size_is_refused_where_it_is_read(serving: Serving) -> None:
    answer = await serving.client.post("/login", content=send_in_parts(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")


async def test_largest_body_is_taken(serving: Serving) -> None:
    body = b'{"username": "Ana", "password": "' + b"x" * (SERVICE.max_body - 35) + b'"}'
    assert len(body) == SERVICE.max_body
    assert (await serving.client.post("/login", content=body, headers=JSON)).status_code != 413


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("who", ["user", "machine", "service", "nobody", "no user", "no machine"])
async def test_large_body_is_taken_where_it_may_be_from_who_is_known(auth: FakeAuth, method: str, who: str) -> None:
    secret = "of-32-bytes-or-more-for-the-tests-alone"
    headers: Mapping[str, Mapping[str, str]] = {
        "user": {"Authorization": f"Bearer {auth.add_user()}"},
        "machine": {"X-API-Key": auth.add_key("any:scope")},
        "service": {"X-API-Key": secret},
        "nobody": {},
        "no user": {"Authorization": "Bearer unknown"},
        "no machine": {"X-API-Key": "unknown"},
    }
    is_known = who in {"user", "machine", "service"}
    settings = AuthClientSettings.load(port=1, auth_api_url=auth.address, app_secret_key=secret)
    async with serve(LARGE, settings) as running:
        for content in (TOO_LARGE, send_in_parts()):
            answer = await running.client.request(method, "/stream", content=content, headers=headers[who])
            if method == "PUT":
                assert answer.status_code == 413
            elif is_known:
                assert (answer.status_code, answer.json()) == (200, len(TOO_LARGE))
            else:
                assert answer.status_code == 401
        answer = await running.client.request(method, "/stream", content=b"small")
        assert (answer.status_code, answer.json()) == (200, len("small"))
