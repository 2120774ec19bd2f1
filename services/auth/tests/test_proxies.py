"""Whose address a request has: a proxy is believed when FORWARDED_ALLOW_IPS names it, and nobody else is."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_auth_testing.household import KEY, PASSWORD, V1
from booksync_service_testing import processes
from booksync_service_testing.server import render
from booksync_service_testing.serving import PATIENCE


@pytest.mark.parametrize(("trusted", "seen"), [("127.0.0.1", "203.0.113.7"), ("203.0.113.1", "127.0.0.1")])
async def test_address_behind_a_proxy(empty_url: URL, tmp_path: Path, trusted: str, seen: str) -> None:
    variables = {"DATABASE_URL": render(empty_url), "JWT_SECRET_KEY": KEY, "BCRYPT_ROUNDS": "4"}
    variables["FORWARDED_ALLOW_IPS"] = trusted
    with processes.start("auth", log_path=tmp_path / "log", **variables) as service:
        service.wait_for("/health/ready", 200)
        async with httpx.AsyncClient(base_url=service.address, timeout=PATIENCE) as client:
            body = {"username": "Ana", "password": PASSWORD}
            headers = {"X-Forwarded-For": "203.0.113.7"}
            assert (await client.post("/users", json=body, headers=headers)).status_code == 201
            login = await client.post(f"{V1}/auth/login", json=body, headers=headers)
            bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
            (session,) = (await client.get(f"{V1}/auth/sessions", headers=bearer)).json()
            assert session["ip"] == seen
