"""Answers that several addresses give."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from booksync_api_auth.models import Issued, Role, User

EXAMPLE_ID = "3f0b1c52-7f0e-4f1c-9d5a-0d3f6d0a6c11"
EXAMPLE_TIME = "2026-11-25T10:00:00Z"
EXAMPLE_USER: JsonDict = {
    "id": EXAMPLE_ID,
    "username": "Léa",
    "email": "lea@example.org",
    "role": "user",
    "certify_adult": False,
    "avatar": "fox",
    "is_active": True,
    "has_password": True,
    "id_mangacollec": None,
    "created_at": EXAMPLE_TIME,
    "updated_at": EXAMPLE_TIME,
}


class UserAnswer(BaseModel):
    """A profile."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": EXAMPLE_USER})

    id: UUID
    username: str
    email: str | None
    role: Role
    certify_adult: bool
    avatar: str | None
    is_active: bool
    has_password: bool
    id_mangacollec: UUID | None
    created_at: datetime
    updated_at: datetime


class PickedUser(BaseModel):
    """What everybody may see of a profile, to pick it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {"id": EXAMPLE_ID, "username": "Léa", "avatar": "fox"}},
    )

    id: UUID
    username: str
    avatar: str | None


class TokenAnswer(BaseModel):
    """A pair of tokens."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
                "refresh_token": "cGFzdGUtdGhlLXJlZnJlc2gtdG9rZW4taGVyZS1vZi02NC1jaGFyYWN0ZXJzLi4u",
                "token_type": "Bearer",
                "expires_in": None,
                "expires_at": None,
                "session_id": EXAMPLE_ID,
                "user": EXAMPLE_USER,
            }
        }
    )

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of a token, not one
    expires_in: int | None
    expires_at: datetime | None
    session_id: UUID
    user: UserAnswer

    @classmethod
    def build(cls, issued: Issued) -> Self:
        """Show a pair."""
        return cls(
            access_token=issued.access_token,
            refresh_token=issued.refresh_token,
            expires_in=issued.expires_in,
            expires_at=issued.expires_at,
            session_id=issued.session_id,
            user=show_user(issued.user),
        )


class SessionAnswer(BaseModel):
    """A session."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": EXAMPLE_ID,
                "device_name": "Raspberry Pi",
                "user_agent": "BookSync/1.0",
                "ip": "192.168.1.20",
                "created_at": EXAMPLE_TIME,
                "last_used_at": EXAMPLE_TIME,
                "expires_at": None,
                "is_current": True,
            }
        },
    )

    id: UUID
    device_name: str | None
    user_agent: str | None
    ip: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    is_current: bool = False


class EventAnswer(BaseModel):
    """Something that happened to a profile."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 12,
                "kind": "login",
                "success": True,
                "ip": "192.168.1.20",
                "user_agent": "BookSync/1.0",
                "created_at": EXAMPLE_TIME,
            }
        },
    )

    id: int
    kind: str
    success: bool
    ip: str | None
    user_agent: str | None
    created_at: datetime


def show_user(user: User) -> UserAnswer:
    """Show a profile."""
    return UserAnswer.model_validate(user)
