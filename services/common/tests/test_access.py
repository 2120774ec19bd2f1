"""Who may do what is decided by the token or the key alone, and each refusal says what is missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends

from booksync_api_sample.program import PROGRAM
from booksync_api_sample.service import METADATA
from booksync_common.access import User, make_writer
from booksync_common.auth_client import AuthClient, AuthClientSettings
from booksync_common.introspection import Introspection
from booksync_common.service import Service
from booksync_service_testing.fake_auth import FakeAuth
from booksync_service_testing.serving import Serving, serve

SECRET = "the-secret-of-the-service-that-is-long"
ROUTER = APIRouter()


@ROUTER.get("/mine")
async def read_mine(user: User) -> str:
    """Say who asks."""
    return str(user.user_id)


@ROUTER.put("/shared")
async def write_shared(writer: Annotated[str, Depends(make_writer("data:write", needs_secret=True))]) -> str:
    """Say who writes."""
    return writer


@ROUTER.put("/embeddings")
async def write_embeddings(writer: Annotated[str, Depends(make_writer("embeddings:write", needs_secret=False))]) -> str:
    """Say who writes."""
    return writer


SERVICE = Service(
    program=PROGRAM,
    title="Guarded",
    settings=AuthClientSettings,
    metadata=METADATA,
    routers=[ROUTER],
    max_body=1024,
    parts=lambda settings: [Introspection(AuthClient(settings.auth_addresses))],
)


@asynccontextmanager
async def serving(auth: FakeAuth, secret: str | None = SECRET) -> AsyncIterator[Serving]:
    """Serve the routes above."""
    settings = AuthClientSettings.load(port=1, auth_api_url=auth.address, app_secret_key=secret)
    async with serve(SERVICE, settings) as running:
        yield running


async def ask(running: Serving, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Return the status, and the body or the problem's code."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await running.client.request(method, path, headers=sent)
    body = answer.json()
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    return answer.status_code, body if isinstance(body, str) else body["code"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "token_missing"),
        ("", "token_invalid"),
        ("Bearer", "token_invalid"),
        ("Bearer ", "token_invalid"),
        ("Basic dXNlcjpwYXNz", "token_invalid"),
        ("Bearer two words", "token_invalid"),
        ("Bearer " + "a" * 5000, "token_invalid"),
        ("Bearer a" + "=" * 5000, "token_invalid"),
        ("Bearer caf\u00e9", "token_invalid"),
        ("Bearer unknown", "token_invalid"),
    ],
)
async def test_no_user_without_a_token_that_is_valid(auth: FakeAuth, header: str | None, code: str) -> None:
    async with serving(auth) as running:
        headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
        answer = await running.client.get("/mine", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        # what cannot be a token is not worth a question
        assert auth.questions == (["unknown"] if header == "Bearer unknown" else [])


async def test_a_secret_may_have_any_characters(auth: FakeAuth) -> None:
    secret = "le-secret-de-la-bibliothèque-qui-est-long"
    async with serving(auth, secret=secret) as running:
        answer = await running.client.put("/shared", headers=[(b"x-api-key", secret.encode())])
        assert answer.status_code == 200


async def test_a_user_is_who_the_token_says(auth: FakeAuth) -> None:
    async with serving(auth) as running:
        token = auth.add_user()
        assert await ask(running, "GET", "/mine", Authorization=f"Bearer {token}") == (200, str(auth.user_id(token)))
        assert await ask(running, "GET", "/mine", Authorization=f"bearer  {token}") == (200, str(auth.user_id(token)))
        key = auth.add_key("data:write")
        assert await ask(running, "GET", "/mine", Authorization=f"Bearer {key}") == (401, "token_invalid")
        assert await ask(running, "GET", "/mine", X_API_Key=SECRET) == (401, "token_missing")


async def test_who_writes_what_all_share(auth: FakeAuth) -> None:
    key = auth.add_key("data:write other:write")
    admin, user = auth.add_user(role="admin"), auth.add_user()
    async with serving(auth) as running:
        cases = [
            ({"X_API_Key": SECRET}, (200, "service")),
            ({"X_API_Key": key}, (200, f"key:{auth.user_id(key)}")),
            ({"Authorization": f"Bearer {admin}"}, (200, f"user:{auth.user_id(admin)}")),
            ({"Authorization": f"Bearer {user}"}, (403, "forbidden")),
            ({}, (401, "token_missing")),
            ({"X_API_Key": SECRET[:-1]}, (401, "api_key_invalid")),
            ({"X_API_Key": ""}, (401, "token_missing")),
            ({"X_API_Key": admin}, (401, "api_key_invalid")),
            ({"X_API_Key": "a" * 5000}, (401, "api_key_invalid")),
            ({"X_API_Key": auth.add_key("embeddings:write")}, (403, "scope_missing")),
            # a wrong token is not made up for by a right key: the client should know that it is wrong
            ({"X_API_Key": SECRET, "Authorization": "Bearer wrong"}, (401, "token_invalid")),
        ]
        for headers, expected in cases:
            assert await ask(running, "PUT", "/shared", **headers) == expected, headers


async def test_without_a_secret_nothing_shared_is_written(auth: FakeAuth) -> None:
    admin, key = auth.add_user(role="admin"), auth.add_key("data:write embeddings:write")
    async with serving(auth, secret=None) as running:
        for headers in ({"Authorization": f"Bearer {admin}"}, {"X_API_Key": key}, {"X_API_Key": ""}, {}):
            assert await ask(running, "PUT", "/shared", **headers) == (503, "writes_disabled")
        assert await ask(running, "PUT", "/embeddings", X_API_Key=key) == (200, f"key:{auth.user_id(key)}")
        assert await ask(running, "PUT", "/embeddings", X_API_Key="") == (401, "token_missing")


async def test_the_documentation_shows_both_ways_in(auth: FakeAuth) -> None:
    async with serving(auth) as running:
        document = (await running.client.get("/openapi.json")).json()
    assert {"HTTPBearer", "APIKeyHeader"} <= document["components"]["securitySchemes"].keys()
    assert document["paths"]["/shared"]["put"]["security"] == [{"APIKeyHeader": []}, {"HTTPBearer": []}]
    default = document["paths"]["/shared"]["put"]["responses"]["default"]
    schema = default["content"]["application/problem+json"]["schema"]["$ref"]
    assert schema == "#/components/schemas/Problem"
    assert "request_id" in document["components"]["schemas"]["Problem"]["properties"]
    assert "FieldProblem" in document["components"]["schemas"]
