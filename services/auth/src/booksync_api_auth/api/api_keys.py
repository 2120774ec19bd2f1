"""Keys of programs, for administrators."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from booksync_api_auth.api import ROOT
from booksync_api_auth.api.errors import ADMIN, VALIDATION
from booksync_api_auth.api.fields import KeyName
from booksync_api_auth.api.schemas import EXAMPLE_ID, EXAMPLE_TIME
from booksync_api_auth.api_keys import SHOWN, hash_api_key, make_api_key
from booksync_api_auth.identity import Admin, OriginOf
from booksync_api_auth.models import Scope
from booksync_api_auth.repositories.api_keys import ApiKeys
from booksync_api_auth.repositories.events import Events
from booksync_common.database import Session
from booksync_common.fields import Instant
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

router = APIRouter(prefix=f"{ROOT}/api-keys", tags=["API keys"])

_EXAMPLE: JsonDict = {
    "id": EXAMPLE_ID,
    "name": "scraper",
    "prefix": "bsk_k3Fq",
    "scopes": ["data:write"],
    "created_by": EXAMPLE_ID,
    "created_at": EXAMPLE_TIME,
    "last_used_at": None,
    "expires_at": None,
}


class NewKeyBody(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "scraper", "scopes": ["data:write"]}})

    name: KeyName
    scopes: Annotated[set[Scope], Field(min_length=1)]
    expires_at: Instant | None = None

    @field_validator("expires_at")
    @classmethod
    def _is_to_come(cls, value: datetime | None) -> datetime | None:
        if value is not None and value <= datetime.now(UTC):
            message = "is not in the future"
            raise ValueError(message)
        return value


class KeyAnswer(BaseModel):
    """A key, without the key."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _EXAMPLE})

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_by: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewKeyAnswer(KeyAnswer):
    """A new key."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {**_EXAMPLE, "key": "bsk_k3Fq8bYkq0cYw1y7v5mJr2s9TQxZ4nHdLpAeUiOgWBM"}},
    )

    key: str = Field(description="shown this once: only its hash is kept")


@router.get("", summary="All keys", responses=describe_errors(ADMIN))
async def list_keys(_caller: Admin, session: Session) -> list[KeyAnswer]:
    """Return what is known of the keys."""
    return [KeyAnswer.model_validate(key) for key in await ApiKeys(session).list()]


@router.post(
    "",
    summary="Make a key",
    status_code=201,
    responses=describe_errors({**ADMIN, **VALIDATION, 409: "api_key_name_taken"}),
)
async def create_key(body: NewKeyBody, caller: Admin, session: Session, origin: OriginOf) -> NewKeyAnswer:
    """Make a key, which this answer alone has in it."""
    key = make_api_key()
    stored = await ApiKeys(session).add(
        name=body.name,
        prefix=key[:SHOWN],
        key_hash=hash_api_key(key),
        scopes=sorted(body.scopes),
        created_by=caller.user.id,
        expires_at=body.expires_at,
    )
    await Events(session).add("api_key_created", user_id=caller.user.id, origin=origin)
    return NewKeyAnswer(**KeyAnswer.model_validate(stored).model_dump(), key=key)


@router.delete(
    "/{key_id}",
    summary="Delete a key",
    status_code=204,
    responses=describe_errors({**ADMIN, **VALIDATION, 404: "api_key_not_found"}),
)
async def delete_key(key_id: UUID, caller: Admin, session: Session, origin: OriginOf) -> Response:
    """Delete a key; within 5 seconds the other services do not take it any more."""
    # first the profile's row, which the event refers to: whoever deletes the profile locks in this order, too
    await Events(session).add("api_key_deleted", user_id=caller.user.id, origin=origin)
    if not await ApiKeys(session).delete(key_id):
        raise ProblemError(404, "api_key_not_found", "There is no such API key.")
    return Response(status_code=204)
