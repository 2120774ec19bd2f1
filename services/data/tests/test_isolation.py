"""Nobody reads without a token or writes what all share without a key, and no user meets another's rows anywhere."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from booksync_api_data.personal import me, volumes
from booksync_api_data.service import SERVICE
from booksync_api_data.settings import DataSettings
from booksync_api_data.shared import reading, writing
from booksync_data_testing.api import MACHINE, MINE, VOLUMES, Api, load_settings
from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.serving import serve

ROUTERS = {"reading": reading.router, "writing": writing.router, "me": me.router, "volumes": volumes.router}
ROUTES = [
    pytest.param(name, route.path, method, id=f"{method} {route.path}")
    for name, router in ROUTERS.items()
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def build_request(path: str, method: str, volume_id: object = None) -> dict[str, Any]:
    """Return a request that a route takes."""
    address = path.format(volume_id=volume_id or uuid.uuid4())
    bodies: dict[str, Any] = {"lookup": {"ids": []}, "bulk": {"items": []}, "import": []}
    body = bodies.get(path.rsplit("/", 1)[1], {})
    return {"method": method, "url": address, **({} if method in {"GET", "HEAD", "DELETE"} else {"json": body})}


def test_every_route_is_in_the_table() -> None:
    assert len(ROUTES) == 23
    assert {id(router) for router in ROUTERS.values()} == {id(router) for router in SERVICE.routers}


@pytest.mark.parametrize(("router", "path", "method"), ROUTES)
async def test_no_route_without_credentials(api: Api, router: str, path: str, method: str) -> None:
    request = build_request(path, method)
    wrong = {"X-API-Key": "x" * 40} if router == "writing" else {"Authorization": "Bearer a.b.c"}
    for headers in ({}, wrong, {"Authorization": "Basic YTpi"}):
        answer = await api.client.request(**request, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if router != "writing":
        # a machine's key is no user
        assert (await api.client.request(**request, headers=MACHINE)).status_code == 401


@pytest.mark.parametrize(("router", "path", "method"), [route for route in ROUTES if route.values[0] == "writing"])
async def test_who_may_write_what_all_share(api: Api, router: str, path: str, method: str) -> None:
    del router
    granted = [
        MACHINE,
        {"X-API-Key": api.auth.add_key("embeddings:write data:write")},
        api.sign_in(role="admin"),
    ]
    refused = [api.sign_in(), {"X-API-Key": api.auth.add_key("embeddings:write")}]
    for headers in granted:
        answer = await api.client.request(**build_request(path, method), headers=headers)
        assert answer.status_code not in {401, 403}, answer.text
    for headers in refused:
        answer = await api.client.request(**build_request(path, method), headers=headers)
        assert answer.status_code == 403


async def test_a_revoked_key_writes_nothing(api: Api) -> None:
    key = api.auth.add_key("data:write")
    api.auth.revoke(key)
    answer = await api.bulk(headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")


async def test_without_the_secret_only_writing_what_all_share_is_disabled(api: Api) -> None:
    async with run_fake_auth() as auth:
        settings = load_settings(api.url, auth).model_copy(update={"app_secret_key": None})
        assert isinstance(settings, DataSettings)
        async with serve(SERVICE, settings) as serving:
            other = replace(api, serving=serving, auth=auth)
            for headers in (MACHINE, other.sign_in(role="admin"), {}):
                answer = await other.bulk(headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (503, "writes_disabled")
            assert (await other.get(VOLUMES))["items"] == []
            mine = await other.client.put(f"{MINE}/{uuid.uuid4()}", json={}, headers=other.sign_in())
            assert mine.status_code == 201


@dataclass
class Neighbours:
    """Two users, one of whom has said something that nobody else may see."""

    alice: Mapping[str, str]
    bob: Mapping[str, str]
    bob_id: str
    volume_id: str


MARKER = "nobody-else-may-see-this"


async def settle(api: Api) -> Neighbours:
    """Let Alice say something of a volume, and Bob of another."""
    alice, bob = api.sign_in(), api.sign_in()
    volume_id = str(uuid.uuid4())
    said = {"notes": MARKER, "store": MARKER, "tags": [MARKER], "rating": 3, "price_cents": 123_456}
    for _ in range(2):
        await api.client.put(f"{MINE}/{uuid.uuid4()}", json=said, headers=alice)
    await api.client.put(f"{MINE}/{volume_id}", json=said, headers={**alice})
    await api.client.put(f"{MINE}/{uuid.uuid4()}", json={"notes": "bob's"}, headers=bob)
    return Neighbours(alice, bob, str(api.auth.user_id(bob["Authorization"][7:])), volume_id)


async def read_everything(api: Api, user: Mapping[str, str]) -> Any:
    """Return everything that the service has of a user."""
    return (await api.client.get("/api/v1/me/export", headers=user)).json()


def is_about_the_other(answer: httpx.Response) -> bool:
    """Tell whether an answer has something of Alice in it."""
    return MARKER in answer.text or "123456" in answer.text


@pytest.mark.parametrize(("router", "path", "method"), ROUTES)
async def test_no_route_shows_or_changes_what_is_another_users(api: Api, router: str, path: str, method: str) -> None:
    """With the very ids of the other's rows, as path, query and body, and with the other's id as a parameter."""
    near = await settle(api)
    before = await read_everything(api, near.alice)
    request = build_request(path, method, near.volume_id)
    alice_id = before["user_id"]
    headers = {**near.bob, **(MACHINE if router == "writing" else {}), "Idempotency-Key": "k", "X-User-ID": alice_id}
    bodies: list[Any] = [request.get("json")]
    if path.endswith("/bulk"):
        bodies += [{"items": [{"volume_id": near.volume_id}], "mode": mode} for mode in ("merge", "replace")]
        bodies += [{"items": [{"volume_id": near.volume_id, "user_id": alice_id}]}]
    elif method in {"PUT", "PATCH"}:
        bodies += [{"user_id": alice_id}]
    for body in bodies:
        for parameters in ({}, {"ids": near.volume_id}, {"user_id": alice_id}, {"q": MARKER}):
            sent = request | ({} if body is None else {"json": body})
            answer = await api.client.request(**sent, params=parameters, headers=headers)
            assert answer.status_code < 500
            assert not is_about_the_other(answer)
    assert await read_everything(api, near.alice) == before


async def test_a_cursor_of_another_user_opens_nothing(api: Api) -> None:
    near = await settle(api)
    page = await api.get(MINE, dict(near.alice), limit=1)
    answer = await api.client.get(MINE, params={"cursor": page["next_cursor"], "limit": 1}, headers=near.bob)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_a_key_of_another_user_replays_nothing(api: Api) -> None:
    near = await settle(api)
    body = {"items": [{"volume_id": near.volume_id, "notes": MARKER}]}
    for user, status in ((near.alice, "unchanged"), (near.bob, "created")):
        answer = await api.client.post(f"{MINE}/bulk", json=body, headers={**user, "Idempotency-Key": "same"})
        assert [item["status"] for item in answer.json()["items"]] == [status]


async def test_one_volume_is_said_of_by_each_for_himself(api: Api) -> None:
    near = await settle(api)
    address = f"{MINE}/{near.volume_id}"
    assert (await api.client.get(address, headers=near.bob)).status_code == 404
    assert (await api.client.delete(address, headers=near.bob)).status_code == 404
    created = await api.client.put(address, json={"rating": 1}, headers={**near.bob, "If-None-Match": "*"})
    assert created.status_code == 201
    assert (await api.client.delete("/api/v1/me", headers=near.bob)).status_code == 204
    assert len((await read_everything(api, near.alice))["volumes"]) == 3
    assert (await read_everything(api, near.bob)) == {"user_id": near.bob_id, "volumes": []}
    assert json.dumps(await read_everything(api, near.alice)).count(MARKER) == 9
