"""What FastAPI and asyncpg do without us: one SELECT an endpoint. DATABASE_URL and PORT say where."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import create_connection
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import Body, FastAPI, Request
from sqlalchemy.engine import URL

from booksync_service_testing.processes import build_environment, find_free_port
from booksync_service_testing.server import render

#: What the Data API answers with.
COLUMNS = """volume_id, object_id, nb_pages, length, height, width, weight, extra_info, source,
    length_cm, height_cm, width_cm, weight_g, locked_fields, version, created_at, updated_at"""
VOLUME = f"SELECT {COLUMNS} FROM data.volume_extra WHERE volume_id = $1 AND deleted_at IS NULL"
VOLUMES = f"SELECT {COLUMNS} FROM data.volume_extra WHERE volume_id = ANY($1) AND deleted_at IS NULL"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have a pool as large as the services'."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/select")
async def select(request: Request) -> dict[str, int]:
    """Select one value."""
    return {"value": await request.app.state.pool.fetchval("SELECT 1")}


@app.get("/volume/{volume_id}")
async def get_volume(request: Request, volume_id: UUID) -> dict[str, Any]:
    """Select a volume."""
    return dict(await request.app.state.pool.fetchrow(VOLUME, volume_id))


@app.post("/volumes")
async def get_volumes(request: Request, ids: Annotated[list[UUID], Body(embed=True)]) -> list[dict[str, Any]]:
    """Select volumes."""
    return [dict(row) for row in await request.app.state.pool.fetch(VOLUMES, ids)]


@contextmanager
def run_bare(url: URL) -> Iterator[int]:
    """Run the application with a database, and return its port.

    :raises SystemExit: it does not start.
    """
    port = find_free_port()
    environment = build_environment({"DATABASE_URL": render(url.set(drivername="postgresql")), "PORT": str(port)})
    with subprocess.Popen([sys.executable, "-m", "bench.bare"], env=environment) as process:
        try:
            while True:
                try:
                    create_connection(("127.0.0.1", port)).close()
                except ConnectionRefusedError:
                    if process.poll() is not None:
                        message = f"bench.bare ended with {process.returncode}"
                        raise SystemExit(message) from None
                    time.sleep(0.05)
                else:
                    break
            yield port
        finally:
            process.terminate()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
