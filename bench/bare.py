"""What the Data API is measured against: FastAPI and asyncpg with nothing between them, and nobody asked who it is."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import Body, FastAPI

COLUMNS = """volume_id, object_id, nb_pages, length, height, width, weight, extra_info, source,
    length_cm, height_cm, width_cm, weight_g, locked_fields, version, created_at, updated_at"""
GET = f"SELECT {COLUMNS} FROM data.volume_extra WHERE volume_id = $1 AND deleted_at IS NULL"  # noqa: S608
LOOKUP = f"SELECT {COLUMNS} FROM data.volume_extra WHERE volume_id = ANY($1) AND deleted_at IS NULL"  # noqa: S608


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool, which is as large as the service's."""
    async with asyncpg.create_pool(os.environ["BARE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/one/{volume_id}")
async def get_one(volume_id: UUID) -> dict[str, Any]:
    """Answer with a row."""
    return dict(await app.state.pool.fetchrow(GET, volume_id))


@app.post("/lookup")
async def look_up(ids: Annotated[list[UUID], Body(embed=True)]) -> list[dict[str, Any]]:
    """Answer with rows."""
    return [dict(row) for row in await app.state.pool.fetch(LOOKUP, ids)]


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", access_log=False)
