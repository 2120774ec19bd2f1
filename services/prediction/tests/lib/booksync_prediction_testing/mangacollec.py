"""A Mangacollec for tests, on a port of 127.0.0.1, and a collection as its API writes it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from booksync_api_prediction.collection.client import COLLECTION_PATH
from booksync_service_testing.loopback import serve_on_loopback


@dataclass
class FakeCollection:
    """Flat arrays joined by ids."""

    document: dict[str, list[Any]] = field(
        default_factory=lambda: {
            name: []
            for name in ("editions", "series", "types", "kinds", "volumes", "possessions", "reads", "read_editions")
        }
    )

    def add_series(self, title: str, *kinds: str, volumes: int, read: int = 0, adult: bool = False) -> list[UUID]:
        """Add a series that is owned, with the first of its volumes read, and return the volumes' ids."""
        series_id, edition_id = uuid4(), uuid4()
        kind_ids = []
        for kind in kinds:
            kind_ids.append(str(uuid4()))
            self.document["kinds"].append({"id": kind_ids[-1], "title": kind})
        self.document["series"].append(
            {"id": str(series_id), "title": title, "type_id": None, "adult_content": adult, "kinds_ids": kind_ids}
        )
        self.document["editions"].append({"id": str(edition_id), "title": None, "series_id": str(series_id)})
        ids = [uuid4() for _ in range(volumes)]
        for number, volume_id in enumerate(ids, 1):
            self.document["volumes"].append(
                {
                    "id": str(volume_id),
                    "title": None,
                    "number": number,
                    "isbn": " 978",
                    "edition_id": str(edition_id),
                    "content": f"<p>{title}, le r&eacute;sum&eacute;</p>",
                }
            )
            self.document["possessions"].append(
                {"id": str(uuid4()), "volume_id": str(volume_id), "created_at": "2026-01-01T00:00:00.000Z"}
            )
            if number <= read:
                self.document["reads"].append(
                    {
                        "id": str(uuid4()),
                        "volume_id": str(volume_id),
                        "created_at": f"2026-01-{number:02}T00:00:00.000Z",
                    }
                )
        return ids


@dataclass
class FakeMangacollec:
    """What the site says, for a test to change."""

    address: str = ""
    collections: dict[str, FakeCollection] = field(default_factory=dict)  # by access token
    questions: int = 0
    misbehaviour: Response | None = None
    seconds: float = 0  # an answer
    at_once: int = 0
    most_at_once: int = 0

    async def get_collection(self, request: Request) -> Response:
        """Answer as the site does."""
        self.questions += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        if self.misbehaviour is not None:
            return self.misbehaviour
        if "cookie" in request.headers:
            # it would be somebody else's
            return JSONResponse({"errors": ["a cookie"]}, 400)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.collections:
            return JSONResponse({"errors": ["unauthorized"]}, 401)
        # in ASCII, which half a character can be written in
        content = json.dumps(self.collections[token].document)
        return Response(content, media_type="application/json", headers={"Set-Cookie": f"session={token}"})


@asynccontextmanager
async def run_fake_mangacollec() -> AsyncIterator[FakeMangacollec]:
    """Serve one until the end of the block."""
    fake = FakeMangacollec()
    app = Starlette(routes=[Route(COLLECTION_PATH, fake.get_collection)])
    async with serve_on_loopback(app) as fake.address:
        yield fake
