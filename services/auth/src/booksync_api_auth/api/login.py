"""Sign in, refresh, sign out."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from booksync_api_auth.api import ROOT
from booksync_api_auth.api.admission import AdmissionRoute
from booksync_api_auth.api.errors import FORM, LIMIT, TOKEN, VALIDATION
from booksync_api_auth.api.fields import DeviceName, EnteredPassword, Text
from booksync_api_auth.api.forms import Form, document_form, parse_form
from booksync_api_auth.api.schemas import TokenAnswer
from booksync_api_auth.identity import Caller, OriginOf
from booksync_api_auth.refreshing import RefreshOf
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.signing_in import SignInOf
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix=f"{ROOT}/auth", tags=["sign-in"])
entrance = APIRouter(route_class=AdmissionRoute)


class LoginBody(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"username": "Léa", "password": "correct horse battery", "device_name": "Raspberry Pi"}
        }
    )

    username: Text = Field(description="username or email address")
    password: EnteredPassword
    device_name: DeviceName | None = None


class LoginForm(BaseModel):
    """RFC 6749, section 4.3.2."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"grant_type": "password", "username": "Léa", "password": "correct horse battery"}
        }
    )

    grant_type: Literal["password", ""] = "password"
    username: Text
    password: EnteredPassword


class RefreshBody(BaseModel):
    """A refresh token."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"refresh_token": "cGFzdGUtdGhlLXJlZnJlc2gtdG9rZW4taGVyZS1vZi02NC1jaGFyYWN0ZXJzLi4u"}
        }
    )

    refresh_token: SecretStr = Field(max_length=4096)


@entrance.post(
    "/login",
    summary="Sign in",
    responses=describe_errors({**VALIDATION, **LIMIT, 401: "invalid_credentials", 403: "account_disabled"}),
)
async def log_in(body: LoginBody, sign_in: SignInOf, origin: OriginOf) -> TokenAnswer:
    """Check a password and begin a session; a token that never expires has null in expires_in and expires_at."""
    issued = await sign_in.sign_in(
        name=body.username,
        password=body.password.get_secret_value(),
        device_name=body.device_name,
        origin=origin,
    )
    return TokenAnswer.build(issued)


@entrance.post(
    "/token",
    summary="Sign in by an OAuth 2.0 form",
    responses=describe_errors({**FORM, **LIMIT, 401: "invalid_credentials", 403: "account_disabled"}),
    openapi_extra=document_form(LoginForm),
)
async def log_in_by_form(form: Form, sign_in: SignInOf, origin: OriginOf) -> TokenAnswer:
    """Do the same as login, for Swagger's Authorize."""
    body = parse_form(LoginForm, form)
    issued = await sign_in.sign_in(
        name=body.username, password=body.password.get_secret_value(), device_name=None, origin=origin
    )
    return TokenAnswer.build(issued)


router.include_router(entrance)


@router.post(
    "/refresh",
    summary="Get the next pair of tokens",
    responses=describe_errors(
        {**VALIDATION, 401: "token_invalid, token_expired, token_revoked", 403: "account_disabled"}
    ),
)
async def refresh_tokens(body: RefreshBody, refresh: RefreshOf, origin: OriginOf) -> TokenAnswer:
    """Rotate a refresh token: within 10 s a retry gets the same pair, later use of an old one ends the session."""
    return TokenAnswer.build(await refresh.refresh(body.refresh_token.get_secret_value(), origin=origin))


@router.post("/logout", summary="End this session", status_code=204, responses=describe_errors(TOKEN))
async def log_out(caller: Caller, session: Session, origin: OriginOf) -> Response:
    """End the session of the token."""
    await Events(session).add("logout", user_id=caller.user.id, origin=origin)
    await Sessions(session).revoke(caller.session.id, user_id=caller.user.id, reason="logout")
    return Response(status_code=204)


@router.post("/logout-all", summary="End every session", status_code=204, responses=describe_errors(TOKEN))
async def log_out_everywhere(caller: Caller, session: Session, origin: OriginOf) -> Response:
    """End all sessions of the profile, this one too."""
    await Events(session).add("logout", user_id=caller.user.id, origin=origin)
    await Sessions(session).revoke_all(caller.user.id, reason="logout_all")
    return Response(status_code=204)
