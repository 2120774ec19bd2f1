"""What other programs ask about a token: RFC 7662 and RFC 7009."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from booksync_api_auth.access_tokens import AUDIENCE, ISSUER
from booksync_api_auth.api import ROOT
from booksync_api_auth.api.errors import FORM
from booksync_api_auth.api.forms import Form, document_form, parse_form
from booksync_api_auth.api.schemas import EXAMPLE_ID
from booksync_api_auth.identity import Bearer
from booksync_api_auth.introspection import IntrospectionOf
from booksync_api_auth.models import ApiKey, Identity, Role
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix=f"{ROOT}/auth", tags=["tokens"])


class TokenForm(BaseModel):
    """The token in question."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"}}
    )

    token: SecretStr = Field(min_length=1, max_length=8192)
    token_type_hint: str | None = None


class Introspected(BaseModel):
    """RFC 7662, section 2.2; of a token that is not active nothing is said."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "active": True,
                "sub": EXAMPLE_ID,
                "sid": EXAMPLE_ID,
                "jti": EXAMPLE_ID,
                "username": "Léa",
                "role": "user",
                "certify_adult": False,
                "token_type": "Bearer",
                "iss": ISSUER,
                "aud": AUDIENCE,
                "iat": 1795600800,
            }
        }
    )

    active: bool
    sub: UUID | None = Field(default=None, description="the profile's id, or the API key's")
    sid: UUID | None = None
    jti: UUID | None = None
    username: str | None = None
    role: Role | None = None
    certify_adult: bool | None = None
    client_id: str | None = Field(default=None, description="the name of an API key")
    scope: str | None = Field(default=None, description="what an API key may do, separated by spaces")
    token_type: Literal["Bearer", "api_key"] | None = None
    iss: str | None = None
    aud: str | None = None
    iat: int | None = None
    exp: int | None = None


def show_introspected(found: Identity | ApiKey | None) -> Introspected:
    """Show what a token or a key stands for."""
    if found is None:
        return Introspected(active=False)
    return show_identity(found) if isinstance(found, Identity) else show_key(found)


def show_key(key: ApiKey) -> Introspected:
    """Show what an API key stands for."""
    return Introspected(
        active=True,
        sub=key.id,
        client_id=key.name,
        scope=" ".join(key.scopes),
        token_type="api_key",  # noqa: S106 - the kind of a token, not one
        iss=ISSUER,
        aud=AUDIENCE,
        iat=to_seconds(key.created_at),
        exp=to_seconds(key.expires_at),
    )


def to_seconds(time: datetime | None) -> int | None:
    """Write a time as JWTs have it."""
    return None if time is None else int(time.timestamp())


def show_identity(identity: Identity) -> Introspected:
    """Show what an access token stands for."""
    return Introspected(
        active=True,
        sub=identity.user.id,
        sid=identity.session.id,
        jti=identity.token_id,
        username=identity.user.username,
        role=identity.user.role,
        certify_adult=identity.user.certify_adult,
        token_type="Bearer",  # noqa: S106 - the kind of a token, not one
        iss=ISSUER,
        aud=AUDIENCE,
        iat=to_seconds(identity.issued_at),
        exp=to_seconds(identity.expires_at),
    )


@router.post(
    "/introspect",
    summary="What a token or an API key stands for (RFC 7662)",
    response_model_exclude_none=True,
    responses=describe_errors({**FORM, 401: "token_missing: in the header, the same as in the body"}),
    openapi_extra=document_form(TokenForm),
)
async def introspect(form: Form, bearer: Bearer, introspection: IntrospectionOf) -> Introspected:
    """Say what a token stands for, to those who have it: it is in the body and in the header."""
    token = parse_form(TokenForm, form).token.get_secret_value()
    return show_introspected(await introspection.introspect(token, bearer=bearer))


@router.post(
    "/revoke",
    summary="End a token (RFC 7009)",
    response_class=Response,
    responses=describe_errors(FORM),
    openapi_extra=document_form(TokenForm),
)
async def revoke(form: Form, introspection: IntrospectionOf) -> Response:
    """End the session of an access or refresh token; 200 also when there is none, as the standard asks."""
    await introspection.revoke(parse_form(TokenForm, form).token.get_secret_value())
    return Response(status_code=200)
