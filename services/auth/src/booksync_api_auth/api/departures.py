"""Profiles that are no more, for the services that have rows of theirs and no credential of their own."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from booksync_api_auth.api import ROOT
from booksync_api_auth.api.schemas import EXAMPLE_ID, EXAMPLE_TIME
from booksync_api_auth.repositories.deleted_users import list_deleted
from booksync_common.database import Reader

router = APIRouter(prefix=f"{ROOT}/auth", tags=["for the other services"])

MAX_DEPARTURES = 10_000


class Departure(BaseModel):
    """A profile that is no more."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"example": {"user_id": EXAMPLE_ID, "deleted_at": EXAMPLE_TIME}}
    )

    user_id: UUID
    deleted_at: datetime


class Departures(BaseModel):
    """The latest first."""

    items: list[Departure]


@router.get("/deleted-users", summary="Profiles that are no more")
async def list_departures(reader: Reader) -> Departures:
    """Return the ids of deleted profiles, which nobody can sign in as and which are never given again."""
    found = await list_deleted(reader, limit=MAX_DEPARTURES)
    return Departures(items=[Departure.model_validate(item) for item in found])
