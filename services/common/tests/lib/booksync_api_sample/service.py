"""Routes that go wrong in every way that a service has to bear."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, Field, SecretStr, field_validator
from sqlalchemy import Column, Integer, Table, UniqueConstraint, delete, insert, text

from booksync_api_sample.program import PROGRAM
from booksync_common.columns import make_id, make_times
from booksync_common.database import Session, make_metadata
from booksync_common.problems import ProblemError
from booksync_common.service import Service
from booksync_common.settings import ServiceSettings

METADATA = make_metadata("sample")

NOTES = Table(
    "notes",
    METADATA,
    make_id(),
    Column("number", Integer, nullable=False),
    *make_times(),
    # checked at COMMIT
    UniqueConstraint("number", deferrable=True, initially="DEFERRED"),
)


class SampleSettings(ServiceSettings):
    """Nothing of its own."""

    port: int = Field(default=PROGRAM.port, ge=1, le=65535)


class Credentials(BaseModel):
    """A body with a password in it."""

    username: str = Field(max_length=10)
    password: SecretStr
    pin: int = 0
    mood: Literal["joyeux", "curieux"] = "joyeux"

    @field_validator("username")
    @classmethod
    def check(cls, value: str) -> str:
        """Quote the value in the message, as a careless validator does."""
        if value.startswith("bad"):
            message = f"{value} is a bad name"
            raise ValueError(message)
        return value


ROUTER = APIRouter()


@ROUTER.post("/login")
async def log_in(credentials: Annotated[Credentials, Body()]) -> dict[str, str]:
    """Take a password."""
    return {"username": credentials.username}


@ROUTER.post("/notes/{number}")
async def add_note(number: int, session: Session) -> dict[str, int]:
    """Store what cannot be committed twice."""
    await session.execute(insert(NOTES).values(number=number))
    return {"number": number}


@ROUTER.delete("/notes/{number}")
async def remove_note(number: int, session: Session) -> None:
    """Remove what need not be there."""
    await session.execute(delete(NOTES).where(NOTES.c.number == number))


@ROUTER.get("/hold")
async def hold(session: Session, seconds: float = 5) -> dict[str, str]:
    """Keep a connection for a while."""
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    return {"status": "held"}


@ROUTER.get("/wait")
async def wait(seconds: float) -> dict[str, str]:
    """Take a while, without the database."""
    await asyncio.sleep(seconds)
    return {"status": "waited"}


@ROUTER.get("/mistake")
async def make_mistake() -> None:
    """Fail as no code should."""
    message = "the secret of the house"
    raise RuntimeError(message)


@ROUTER.post("/stream")
async def count(request: Request) -> int:
    """Count the bytes of a body as it comes."""
    return sum([len(chunk) async for chunk in request.stream()])


@ROUTER.get("/problem")
async def make_problem() -> None:
    """Fail as code should."""
    raise ProblemError(418, "teapot", "This is a teapot.", errors=[{"location": ["query", "tea"], "code": "empty"}])


SERVICE = Service(
    program=PROGRAM,
    title="Sample API",
    settings=SampleSettings,
    metadata=METADATA,
    routers=[ROUTER],
)
