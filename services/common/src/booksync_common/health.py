"""Is the process there, is the service well, may it have traffic: three questions, three addresses."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from booksync_common.database import CONNECTION_ERRORS, Database
from booksync_common.migrations import Migrations
from booksync_common.parts import Check, Part
from booksync_common.startup import Startup

# s
LIMIT = 2.0
#: Answers are shared for this long, so that asking often costs the database nothing.
FRESH = 1.0
#: And given for this much longer while the parts are asked anew (stale-while-revalidate, RFC 5861): a question to the
#: database is several turns of the event loop, and in a storm of requests each of them is long.
STALE = 3.0


class Health:
    """Ask every part how it is, at most once a second."""

    def __init__(
        self, *, database: Database | None, migrations: Migrations, parts: Sequence[Part], startup: Startup
    ) -> None:
        """Remember whom to ask."""
        self._database = database
        self._migrations = migrations
        self._parts = parts
        self._startup = startup
        self._asking: asyncio.Task[None] | None = None
        self._asked = 0.0
        self._stage = ""
        self._checks: Mapping[str, Check] = {}

    async def checks(self) -> Mapping[str, Check]:
        """Return the state of every part, by name."""
        # what was said of one stage of the start-up is no answer in the next: ready is seen at once
        while self._stage != self._startup.stage:
            await asyncio.shield(self._ask_anew())
        age = time.monotonic() - self._asked
        if age >= FRESH:
            asking = self._ask_anew()
            if age >= FRESH + STALE:
                await asyncio.shield(asking)
        return self._checks

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def _ask_anew(self) -> asyncio.Task[None]:
        """Have the parts asked, by one task for all who want to know; whoever waits for it may go away."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._note(), name="health")
        return self._asking

    async def _note(self) -> None:
        stage = self._startup.stage
        self._checks = await self._ask()
        self._stage = stage
        self._asked = time.monotonic()

    async def _ask(self) -> dict[str, Check]:
        checks = {"startup": self._check_startup()}
        checks |= await self._check_database()
        for part in self._parts:
            checks[part.name] = await part.check()
        return checks

    def _check_startup(self) -> Check:
        if self._startup.is_ready:
            return Check("ok")
        return Check("failing" if self._startup.stage == "failed" else "starting", self._startup.stage)

    async def _check_database(self) -> dict[str, Check]:
        unknown = Check("failing", "unknown without the database")
        if self._database is None:
            return {"database": Check("failing", "not configured"), "migrations": unknown}
        begun = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT), self._database.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                seconds = time.monotonic() - begun
                state = await self._migrations.state(connection)
        except TimeoutError:
            return {"database": Check("failing", f"no answer within {LIMIT:g} s"), "migrations": unknown}
        except PoolTimeoutError:
            return {"database": Check("failing", "every connection is in use"), "migrations": unknown}
        except CONNECTION_ERRORS:
            return {"database": Check("failing", "cannot be reached"), "migrations": unknown}
        migrated = {
            "head": Check("ok"),
            "ahead": Check("ok", "a newer version of the service has migrated the schema"),
            "behind": Check("failing", "the schema is not migrated"),
        }[state]
        return {"database": Check("ok", facts={"milliseconds": round(1000 * seconds, 1)}), "migrations": migrated}


def make_router(*, name: str, version: str, health: Health) -> APIRouter:
    """Make the addresses.

    :param name: of the service, as in its image's name.
    """
    router = APIRouter(tags=["health"])

    async def describe(*, ready_status: int) -> JSONResponse:
        checks = await health.checks()
        is_ok = all(check.is_ok for check in checks.values())
        body = {
            "status": "ok" if is_ok else "degraded",
            "service": name,
            "version": version,
            "checks": {key: check.as_json() for key, check in checks.items()},
        }
        return JSONResponse(body, status_code=200 if is_ok else ready_status)

    @router.get("/health", summary="State of the service and its parts; 200 whenever the process serves")
    async def get_health(_request: Request) -> JSONResponse:
        return await describe(ready_status=200)

    @router.get("/health/live", summary="The process serves; asks nothing else")
    async def get_live() -> dict[str, str]:
        return {"status": "ok", "service": name, "version": version}

    @router.get("/health/ready", summary="200 when the service can do its work, else 503")
    async def get_ready() -> JSONResponse:
        return await describe(ready_status=503)

    return router
