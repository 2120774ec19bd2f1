"""No password, token or key ever gets into a log, a metric or an error: marked ones go through every address."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy.engine import URL

from booksync_api_auth.service import SERVICE
from booksync_auth_testing.household import KEY, V1, load_settings, parse_person
from booksync_auth_testing.mangacollec import CLIENT_SECRET, EMAIL, Mangacollec
from booksync_common.app import create_app
from booksync_service_testing import processes
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import PATIENCE

CANARY = "canary7f3a"
PASSWORD = f"{CANARY} is my password"
THERE = f"{CANARY} is my password there"

#: Fields that hold secrets.
SECRETS = frozenset(
    {
        "password",
        "old_password",
        "new_password",
        "current_password",
        "password_mangacollec",
        "refresh_token",
        "token",
    }
)

NOBODY = "00000000-0000-4000-8000-000000000000"
METHODS = ("get", "post", "put", "patch", "delete")
FORM = "application/x-www-form-urlencoded"


@pytest_asyncio.fixture
async def running(site: Mangacollec, tmp_path: Path) -> AsyncIterator[tuple[processes.Running, URL]]:
    """Run the service as a process of its own that logs as much as it can."""
    site.accounts[0].password = THERE
    async with make_database() as url:
        variables = {name.upper(): str(value) for name, value in site.settings.items()}
        variables |= {"DATABASE_URL": render(url), "JWT_SECRET_KEY": KEY, "BCRYPT_ROUNDS": "4"}
        variables |= {"DEBUG": "true", "DATABASE_ECHO": "true"}
        with processes.start("auth", log_path=tmp_path / "log", **variables) as service:
            service.wait_for("/health/ready", 200)
            yield service, url


def list_operations() -> Iterator[tuple[str, str, str | None, Mapping[str, Any]]]:
    """Yield method, path, type and properties of the body of every address."""
    document = create_app(SERVICE, load_settings(URL.create("postgresql+asyncpg", database="none"))).openapi()
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            content = methods[method].get("requestBody", {}).get("content", {})
            for media_type, body in content.items() or [(None, {})]:
                schema = body.get("schema", {}) if body else {}
                name = schema.get("$ref", "").rpartition("/")[2]
                resolved = document["components"]["schemas"].get(name, schema)
                yield method.upper(), path, media_type, resolved.get("properties", {})


def vary(properties: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield bodies with marked secrets: plausible, of wrong types, too long, too short, and not JSON."""
    plain = {name: CANARY + " " if name in SECRETS else "x" for name in properties}
    for value in (
        f"{CANARY} and more",
        CANARY * 20,
        CANARY * 200,
        f"\0{CANARY}",
        f"\ud800{CANARY}",
        [CANARY],
        {CANARY: CANARY},
        {"x": [CANARY]},
    ):
        yield json.dumps({**plain, **{name: value for name in properties if name in SECRETS}}).encode()
    yield json.dumps(f"{CANARY}").encode()
    yield json.dumps([CANARY]).encode()
    yield f'{{"password": "{CANARY}'.encode()
    yield b'\xff{"password": "' + CANARY.encode()


def list_requests(headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield requests to every address with marked secrets in bodies, headers and queries."""
    query = {"token": CANARY, "limit": CANARY, "before": CANARY}
    for method, template, media_type, properties in list_operations():
        place = {"method": method, "url": re.sub(r"\{\w+\}", NOBODY, template)}
        for marked in (
            {"Authorization": f"Bearer {CANARY}"},
            {"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"},
            {"Authorization": f"Basic {CANARY}", "X-API-Key": CANARY, "Cookie": f"token={CANARY}"},
        ):
            yield {**place, "headers": marked, "params": query}
        if media_type is None:
            continue
        form = str(httpx.QueryParams(dict.fromkeys(properties, f"{CANARY}\0"))).encode()
        bodies = [(media_type, body) for body in vary(properties)]
        bodies += [(kind, form) for kind in (FORM, "multipart/form-data", "text/plain")]
        for kind, body in bodies:
            yield {**place, "headers": {**headers, "Content-Type": kind}, "content": body}


async def send_everything(client: httpx.AsyncClient, headers: Mapping[str, str]) -> list[httpx.Response]:
    """Send marked secrets to every address."""
    return [await client.request(**request) for request in list_requests(headers)]


async def live(client: httpx.AsyncClient, site: Mangacollec) -> set[str]:
    """Live a day in which everything works, and return its secrets."""
    created = await client.post(f"{V1}/users", json={"username": "Ana", "password": PASSWORD})
    assert created.status_code == 201, created.text
    ana = parse_person(await client.post(f"{V1}/auth/login", json={"username": "Ana", "password": PASSWORD}))
    secrets = {ana.access_token, ana.refresh_token}
    refreshed = await client.post(f"{V1}/auth/refresh", json={"refresh_token": ana.refresh_token})
    secrets |= {refreshed.json()["access_token"], refreshed.json()["refresh_token"]}
    form = {"username": "Ana", "password": PASSWORD}
    secrets.add((await client.post(f"{V1}/auth/token", data=form)).json()["access_token"])
    account = {"email": EMAIL, "password": THERE, "current_password": PASSWORD}
    linked = await client.put(f"{V1}/mangacollec/link", json=account, headers=ana.headers)
    assert linked.status_code == 200, linked.text
    token = await client.get(f"{V1}/mangacollec/token", headers=ana.headers)
    assert token.status_code == 200
    secrets |= set(site.access_tokens) | set(site.refresh_tokens)
    body = {"name": "scraper", "scopes": ["data:write"]}
    key = (await client.post(f"{V1}/api-keys", json=body, headers=ana.headers)).json()["key"]
    for text in (key, ana.access_token):
        headers = {"Authorization": f"Bearer {text}"}
        seen = await client.post(f"{V1}/auth/introspect", data={"token": text}, headers=headers)
        assert seen.json()["active"] is True
    # what people do: the password where the name belongs
    await client.post(f"{V1}/auth/login", json={"username": PASSWORD, "password": "Ana"})
    return secrets | {key}


async def test_no_secret_gets_out(running: tuple[processes.Running, URL], site: Mangacollec) -> None:
    service, url = running
    async with httpx.AsyncClient(base_url=service.address, timeout=PATIENCE) as client:
        secrets = await live(client, site) | {CANARY, KEY, CLIENT_SECRET}
        ana = parse_person(await client.post(f"{V1}/auth/login", json={"username": "Ana", "password": PASSWORD}))
        site.mood = "errors"
        answers = await send_everything(client, ana.headers)
        # and where the database itself fails
        await execute(url, "ALTER TABLE auth.users RENAME TO away")
        answers += await send_everything(client, ana.headers)
        answers.append(await client.get("/metrics"))
        answers.append(await client.get("/health"))
    log = service.log_path.read_text()
    assert log.count("\n") > len(answers)
    assert "SELECT" in log
    assert {401, 422, 500} <= {answer.status_code for answer in answers}
    for secret in secrets | {ana.access_token, ana.refresh_token}:
        assert secret not in log, log[max(0, log.index(secret) - 2000) : log.index(secret) + 100]
        for answer in answers:
            assert secret not in answer.text, (answer.request.method, answer.request.url.path, answer.text)
            assert secret not in str(answer.headers)
