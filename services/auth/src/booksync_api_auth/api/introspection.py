"""What other programs ask about a token: RFC 7662 and RFC 7009."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from booksync_api_auth.access_tokens import AUDIENCE, ISSUER
from booksync_api_auth.api import ROOT
from booksync_api_auth.api.forms import Form, document_form, parse_form
from booksync_api_auth.api.problems import document
from booksync_api_auth.api.schemas import EXAMPLE_ID
from booksync_api_auth.identity import Bearer
from booksync_api_auth.introspection import IntrospectionOf
from booksync_api_auth.models import Identity, Role

router = APIRouter(prefix=f"{ROOT}/auth", tags=["tokens"])


class TokenForm(BaseModel):
    """The token in question."""

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
    sub: UUID | None = None
    sid: UUID | None = None
    jti: UUID | None = None
    username: str | None = None
    role: Role | None = None
    certify_adult: bool | None = None
    token_type: Literal["Bearer"] | None = None
    iss: str | None = None
    aud: str | None = None
    iat: int | None = None
    exp: int | None = None


def show_identity(identity: Identity | None) -> Introspected:
    """Show what a token stands for."""
    if identity is None:
        return Introspected(active=False)
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
        iat=int(identity.issued_at.timestamp()),
        exp=None if identity.expires_at is None else int(identity.expires_at.timestamp()),
    )


@router.post(
    "/introspect",
    summary="Is a token good? (RFC 7662)",
    response_model_exclude_none=True,
    responses=document(401, 413, 415),
    openapi_extra=document_form(TokenForm),
)
async def introspect(form: Form, bearer: Bearer, introspection: IntrospectionOf) -> Introspected:
    """Say what a token stands for, to those who have it: it is in the body and in the header."""
    token = parse_form(TokenForm, form).token.get_secret_value()
    return show_identity(await introspection.introspect(token, bearer=bearer))


@router.post(
    "/revoke",
    summary="End a token (RFC 7009)",
    status_code=200,
    responses=document(413, 415),
    openapi_extra=document_form(TokenForm),
)
async def revoke(form: Form, introspection: IntrospectionOf) -> Response:
    """End the session of an access or refresh token; 200 also when there is none, as the standard asks."""
    await introspection.revoke(parse_form(TokenForm, form).token.get_secret_value())
    return Response(status_code=200)
