"""What FastAPI and asyncpg do without us: one endpoint, one SELECT. DATABASE_URL and PORT say where."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI, Request


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


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
