"""The service with a model that needs no torch, and people who may ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy.engine import URL

from booksync_api_prediction.model import Load
from booksync_api_prediction.service import SERVICE, make_parts
from booksync_api_prediction.settings import PredictionSettings
from booksync_common.service import Service
from booksync_prediction_testing.encoder import WordEncoder, load_this, load_words
from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import Serving, serve, wait_for

SECRET = "the-secret-of-machines-that-is-long-enough"
V1 = "/api/v1"


def make_service(load: Load = load_words) -> Service[PredictionSettings]:
    """Make the service with another model."""
    return replace(SERVICE, parts=lambda settings: make_parts(settings, load=load))


@dataclass
class House:
    """A running service, its database, its Auth API and its model."""

    serving: Serving
    auth: FakeAuth
    url: URL
    settings: PredictionSettings
    encoder: WordEncoder
    machine: dict[str, str] = field(default_factory=lambda: {"X-API-Key": SECRET})

    @property
    def client(self) -> httpx.AsyncClient:
        """Who asks."""
        return self.serving.client

    def sign_in(self, **claims: Any) -> dict[str, str]:
        """Sign a new user in and return the headers of a request."""
        return {"Authorization": f"Bearer {self.auth.add_user(**claims)}"}

    def user_id(self, headers: dict[str, str]) -> UUID:
        """Return whose headers these are."""
        return self.auth.user_id(headers["Authorization"].removeprefix("Bearer "))

    async def put(self, kind: str, item_id: UUID | None = None, **values: Any) -> UUID:
        """Store an item."""
        item_id = item_id or uuid4()
        answer = await self.client.put(f"{V1}/embeddings/{kind}/{item_id}", json=values, headers=self.machine)
        assert answer.status_code == 200, answer.text
        return item_id

    async def put_all(self, items: list[dict[str, Any]]) -> None:
        """Store many."""
        for start in range(0, len(items), 50):
            body = {"items": items[start : start + 50]}
            answer = await self.client.post(f"{V1}/embeddings/bulk", json=body, headers=self.machine)
            assert answer.status_code == 200, answer.text

    async def count(self, table: str, condition: str = "true") -> int:
        """Count rows."""
        return int(str(await execute(self.url, f"SELECT count(*) FROM prediction.{table} WHERE {condition}")))

    async def wait_for_job(self, address: str) -> dict[str, Any]:
        """Wait until a job is finished."""
        job: dict[str, Any] = {}

        async def is_finished() -> bool:
            nonlocal job
            job = (await self.client.get(address, headers=self.machine)).json()
            return job["status"] not in {"queued", "running"}

        await wait_for(is_finished)
        return job


@asynccontextmanager
async def open_house(url: URL | None = None, encoder: WordEncoder | None = None, **values: Any) -> AsyncIterator[House]:
    """Run the service with everything that it needs.

    :param url: a database; one of its own by default.
    :param values: settings.
    """
    async with run_fake_auth() as auth:
        if url is not None:
            async with _open(url, auth, encoder or WordEncoder(), values) as house:
                yield house
            return
        async with make_database() as own:
            await execute(own, "CREATE EXTENSION vector")
            async with _open(own, auth, encoder or WordEncoder(), values) as house:
                yield house


@asynccontextmanager
async def _open(url: URL, auth: FakeAuth, encoder: WordEncoder, values: dict[str, Any]) -> AsyncIterator[House]:
    settings = PredictionSettings.load(
        **{"database_url": render(url), "auth_api_url": auth.address, "app_secret_key": SECRET} | values
    )
    encoder.dimension = settings.vector_dimension
    async with serve(make_service(load_this(encoder)), settings) as serving:
        yield House(serving, auth, url, settings, encoder)
