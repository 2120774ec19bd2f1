"""A household at an Auth API: profiles that sign in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy.engine import URL

from booksync_api_auth.service import SERVICE
from booksync_api_auth.settings import AuthSettings
from booksync_service_testing.server import execute, render
from booksync_service_testing.serving import Serving, serve

KEY = "f3b1c8" * 6
PASSWORD = "correct horse battery"
V1 = "/api/v1"

#: In an order in which nothing is missed.
_TABLES = ("users", "auth_events", "rate_limits", "deleted_users", "api_keys")


def load_settings(url: URL, **values: Any) -> AuthSettings:
    """Read settings with which tests are fast."""
    return AuthSettings.load(**{"database_url": render(url), "jwt_secret_key": KEY, "bcrypt_rounds": 4, **values})


async def clear(url: URL) -> None:
    """Make the household empty."""
    await execute(url, *(f"DELETE FROM auth.{table}" for table in _TABLES))


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    id: str
    username: str
    session_id: str
    access_token: str
    refresh_token: str
    answer: Mapping[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """What a request of theirs has."""
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True)
class Household:
    """The profiles of an Auth API, which has none at first."""

    serving: Serving
    url: URL

    @property
    def client(self) -> httpx.AsyncClient:
        """Somebody who talks to it."""
        return self.serving.client

    async def log_in(self, username: str, password: str = PASSWORD, **more: object) -> Person:
        """Sign in."""
        body = {"username": username, "password": password, **more}
        response = await self.client.post(f"{V1}/auth/login", json=body)
        assert response.status_code == 200, response.text
        return parse_person(response)

    async def add(self, username: str, *, by: Person | None = None, **more: object) -> Person:
        """Make a profile and sign in; the first is made by nobody."""
        body = {"username": username, "password": PASSWORD, **more}
        headers = {} if by is None else by.headers
        response = await self.client.post(f"{V1}/users", json=body, headers=headers)
        assert response.status_code == 201, response.text
        return await self.log_in(username, str(body["password"]))

    async def find(self, person: Person) -> httpx.Response:
        """Ask whose a token is."""
        return await self.client.get(f"{V1}/users/me", headers=person.headers)

    async def introspect(self, token: str) -> dict[str, Any]:
        """Ask what a token stands for, as the other services do."""
        headers = {"Authorization": f"Bearer {token}"}
        response = await self.client.post(f"{V1}/auth/introspect", data={"token": token}, headers=headers)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def query(self, statement: str) -> object:
        """Return the first value of a statement."""
        return await execute(self.url, statement)


def parse_person(response: httpx.Response) -> Person:
    """Read what a sign-in has answered."""
    answer = response.json()
    return Person(
        id=answer["user"]["id"],
        username=answer["user"]["username"],
        session_id=answer["session_id"],
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        answer=answer,
    )


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


@asynccontextmanager
async def live_in(url: URL, **values: Any) -> AsyncIterator[Household]:
    """Run an Auth API on a database, as it is."""
    async with serve(SERVICE, load_settings(url, **values)) as serving:
        yield Household(serving, url)
