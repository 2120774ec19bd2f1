"""The Data API with an Auth API beside it, as a test talks to it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.engine import URL

from booksync_api_data.service import SERVICE
from booksync_api_data.settings import DataSettings
from booksync_common.service import Service
from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth
from booksync_service_testing.server import execute, render
from booksync_service_testing.serving import PATIENCE, Serving, serve

SECRET = "of-32-bytes-or-more-for-the-tests-alone"
MACHINE = {"X-API-Key": SECRET}

VOLUMES = "/api/v1/volume-extra"
MINE = "/api/v1/me/volumes"

TABLES = "data.volume_extra, data.user_volume, data.idempotency_keys"

Json = Any


@dataclass
class Api:
    """A running service."""

    serving: Serving
    auth: FakeAuth
    url: URL

    @property
    def client(self) -> httpx.AsyncClient:
        """Talk to it."""
        return self.serving.client

    def sign_in(self, *, role: str = "user", user_id: UUID | None = None) -> dict[str, str]:
        """Return the headers of a user."""
        return {"Authorization": f"Bearer {self.auth.add_user(role=role, user_id=user_id)}"}

    async def put(self, volume_id: UUID | None = None, **facts: Json) -> Json:
        """Write a volume and return it."""
        address = f"{VOLUMES}/{volume_id or uuid.uuid4()}"
        answer = await self.client.put(address, json=facts, headers=MACHINE)
        assert answer.is_success, answer.text
        return answer.json()

    async def bulk(self, *items: Json, headers: Mapping[str, str] = MACHINE, **options: Json) -> httpx.Response:
        """Write a batch."""
        return await self.client.post(f"{VOLUMES}/bulk", json={"items": items, **options}, headers=headers)

    async def upload(
        self, content: Any, media_type: str = "text/csv", headers: Mapping[str, str] = MACHINE, **options: Any
    ) -> httpx.Response:
        """Import a file.

        :param content: text, bytes, or an iterator of bytes.
        """
        sent = {**headers, "Content-Type": media_type}
        return await self.client.post(f"{VOLUMES}/import", content=content, headers=sent, params=options)

    async def get(self, address: str, headers: Mapping[str, str] | None = None, **parameters: Any) -> Json:
        """Read, as some user."""
        answer = await self.client.get(address, params=parameters, headers=headers or self.sign_in())
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get_all(self, address: str, headers: Mapping[str, str] | None = None, **parameters: Any) -> list[Json]:
        """Read every page of a list."""
        headers = headers or self.sign_in()
        items: list[Json] = []
        while True:
            page = await self.get(address, headers, **parameters)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            parameters["cursor"] = page["next_cursor"]

    async def wait_for_feed(self) -> None:
        """Wait until the feed has every change: transactions of other databases, and of autovacuum, hold it up."""
        is_complete = """
            SELECT coalesce(max(transaction_id), 0) < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
            FROM data.volume_extra
        """
        async with asyncio.timeout(PATIENCE):
            while not await execute(self.url, is_complete):
                await asyncio.sleep(0.05)

    async def count_rows(self, table: str) -> int:
        """Count the rows of a table."""
        return int(str(await execute(self.url, f"SELECT count(*) FROM {table}")))


def load_settings(url: URL, auth: FakeAuth) -> DataSettings:
    """Return settings of a service on a database, beside an Auth API."""
    return DataSettings.load(database_url=render(url), auth_api_url=auth.address, app_secret_key=SECRET)


@asynccontextmanager
async def run_api(url: URL, service: Service[DataSettings] = SERVICE) -> AsyncIterator[Api]:
    """Serve the Data API, with an Auth API beside it."""
    async with run_fake_auth() as auth, serve(service, load_settings(url, auth)) as serving:
        yield Api(serving, auth, url)


async def empty(url: URL) -> None:
    """Delete every row."""
    await execute(url, f"TRUNCATE {TABLES}")
