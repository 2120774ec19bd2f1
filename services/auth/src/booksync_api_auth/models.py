"""What the service thinks in: profiles, sessions, and who asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["user", "admin"]

#: What a program may do: write facts at the Data API, or embeddings at the Prediction API.
Scope = Literal["data:write", "embeddings:write"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request comes from."""

    address: str | None  # of IP, as far as there is one
    user_agent: str | None


#: Of what is not to say where it was done.
NOWHERE = Origin(address=None, user_agent=None)


@dataclass(frozen=True, kw_only=True)
class User:
    """A profile."""

    id: UUID
    id_mangacollec: UUID | None
    username: str
    email: str | None
    role: Role
    certify_adult: bool
    avatar: str | None
    is_active: bool
    password_hash: str | None = field(repr=False)  # none: signs in at Mangacollec only
    password_changed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def has_password(self) -> bool:
        """Whether the profile can sign in here."""
        return self.password_hash is not None

    def is_of_another_account(self, account_id: UUID) -> bool:
        """Whether another account of Mangacollec is all that shows whose the profile is."""
        return not self.has_password and self.id_mangacollec not in {None, account_id}

    @property
    def is_admin(self) -> bool:
        """Whether the profile may manage the others."""
        return self.role == "admin"


@dataclass(frozen=True, kw_only=True)
class SessionRecord:
    """A session: one sign-in on one device."""

    id: UUID
    user_id: UUID
    family_id: UUID = field(repr=False)
    generation: int  # how often the refresh token was rotated
    refresh_hash: bytes = field(repr=False)
    prev_refresh_hash: bytes | None = field(repr=False)
    device_name: str | None
    user_agent: str | None
    ip: str | None
    created_at: datetime
    rotated_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None  # none: never
    revoked_at: datetime | None
    now: datetime  # by the database's clock, which replicas share

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= self.now


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who asks, by an access token whose session goes on."""

    user: User
    session: SessionRecord
    token_id: UUID
    issued_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A pair of tokens."""

    user: User
    session_id: UUID
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    expires_in: int | None  # s


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a profile has at another site; all that is secret is encrypted."""

    user_id: UUID
    account_email: str | None
    external_user_id: str
    access_token_enc: bytes | None = field(repr=False)
    refresh_token_enc: bytes | None = field(repr=False)
    password_enc: bytes | None = field(repr=False)
    key_id: str | None
    token_expires_at: datetime | None
    scope: str | None
    last_refresh_at: datetime | None
    last_error: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key of a program."""

    id: UUID
    name: str
    prefix: str  # what can be told of it
    scopes: Sequence[Scope]
    created_by: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeletedUser:
    """A profile that is no more."""

    user_id: UUID
    deleted_at: datetime


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a profile's security."""

    id: int
    kind: str
    success: bool
    ip: str | None
    user_agent: str | None
    created_at: datetime
