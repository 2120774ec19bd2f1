"""The link to Mangacollec."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from booksync_api_auth.api import ROOT
from booksync_api_auth.api.errors import CONFIRMATION, MANGACOLLEC, MANGACOLLEC_PASSWORD, TOKEN
from booksync_api_auth.api.fields import DeviceName, ForeignPassword, Text
from booksync_api_auth.api.schemas import EXAMPLE_ID, EXAMPLE_TIME, TokenAnswer
from booksync_api_auth.identity import Caller, OriginOf
from booksync_api_auth.mangacollec.linking import LinkingOf
from booksync_api_auth.mangacollec.links import LinksOf
from booksync_api_auth.mangacollec.models import AccessToken
from booksync_api_auth.mangacollec.signing_in import MangacollecSignInOf
from booksync_api_auth.mangacollec.unlinking import unlink
from booksync_api_auth.models import Credential
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix=ROOT, tags=["Mangacollec"])


class AccountBody(BaseModel):
    """An account of Mangacollec."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "lea@example.org", "password": "her password there"}}
    )

    email: Text
    password: ForeignPassword


class MangacollecLoginBody(AccountBody):
    """An account of Mangacollec, on a device."""

    device_name: DeviceName | None = None


class LinkBody(AccountBody):
    """An account of Mangacollec, for a profile."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "email": "lea@example.org",
                "password": "her password there",
                "current_password": "correct horse battery",
            }
        }
    )

    current_password: ForeignPassword | None = Field(
        default=None, description="the profile's; needed where it has one here"
    )


class LinkAnswer(BaseModel):
    """A profile's link."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "state": "linked",
                "account_id": EXAMPLE_ID,
                "account_email": "lea@example.org",
                "linked_at": EXAMPLE_TIME,
                "last_refresh_at": EXAMPLE_TIME,
            }
        }
    )

    state: Literal["linked", "relink_required", "not_linked"]
    account_id: UUID | None = None
    account_email: str | None = None
    linked_at: datetime | None = None
    last_refresh_at: datetime | None = None


class MangacollecToken(BaseModel):
    """A token for Mangacollec's API."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "a-token-of-mangacollec",
                "token_type": "Bearer",
                "expires_at": EXAMPLE_TIME,
                "account_id": EXAMPLE_ID,
            }
        }
    )

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of a token, not one
    expires_at: datetime
    account_id: UUID

    @classmethod
    def build(cls, token: AccessToken) -> "MangacollecToken":
        """Show a token."""
        return cls(access_token=token.text, expires_at=token.expires_at, account_id=UUID(token.account_id))


def show_link(credential: Credential, state: Literal["linked", "relink_required"]) -> LinkAnswer:
    """Show a link."""
    return LinkAnswer(
        state=state,
        account_id=UUID(credential.external_user_id),
        account_email=credential.account_email,
        linked_at=credential.created_at,
        last_refresh_at=credential.last_refresh_at,
    )


@router.post(
    "/auth/mangacollec/login",
    tags=["sign-in"],
    summary="Sign in with an account of Mangacollec",
    responses=describe_errors(
        {
            **MANGACOLLEC_PASSWORD,
            403: "registration_closed, account_disabled",
            409: "username_taken, profile_exists",
        }
    ),
)
async def log_in_with_mangacollec(
    body: MangacollecLoginBody, sign_in: MangacollecSignInOf, origin: OriginOf
) -> TokenAnswer:
    """Have Mangacollec check the password and begin a session of the profile that has the account.

    Without such a profile one is made, where POST /users would make one.
    """
    issued = await sign_in.sign_in(
        email=body.email,
        password=body.password.get_secret_value(),
        device_name=body.device_name,
        origin=origin,
    )
    return TokenAnswer.build(issued)


@router.get("/mangacollec/link", summary="The link's state", responses=describe_errors(TOKEN))
async def get_link(caller: Caller, links: LinksOf) -> LinkAnswer:
    """Say whether the profile is linked, and whether that still works. Asks Mangacollec nothing."""
    credential = await links.find_if_any(caller.user.id)
    return LinkAnswer(state="not_linked") if credential is None else show_link(credential, links.state(credential))


@router.put(
    "/mangacollec/link",
    summary="Link the profile",
    responses=describe_errors(
        {
            **TOKEN,
            **MANGACOLLEC_PASSWORD,
            401: CONFIRMATION[401],
            409: "mangacollec_already_linked, password_missing, conflict",
            422: "validation_failed, current_password_missing, mangacollec_invalid_credentials",
        }
    ),
)
async def put_link(body: LinkBody, caller: Caller, linking: LinkingOf, links: LinksOf, origin: OriginOf) -> LinkAnswer:
    """Have Mangacollec check the password, and keep its tokens, encrypted. An account belongs to one profile.

    The account signs in as the profile from then on, so the profile's own password is asked for too, also for a link
    that is made anew. A profile without one here stays with its account, which is what it signs in by.
    """
    credential = await linking.link(
        caller.user,
        email=body.email,
        password=body.password.get_secret_value(),
        current_password=None if body.current_password is None else body.current_password.get_secret_value(),
        origin=origin,
    )
    return show_link(credential, links.state(credential))


@router.delete(
    "/mangacollec/link",
    summary="End the link",
    status_code=204,
    responses=describe_errors({**TOKEN, 404: "mangacollec_not_linked", 409: "password_missing"}),
)
async def delete_link(caller: Caller, session: Session, origin: OriginOf) -> Response:
    """Forget the account and its tokens. A profile without a password here keeps them, as it could not sign in."""
    await unlink(session, caller.user, origin=origin)
    return Response(status_code=204)


@router.get(
    "/mangacollec/token",
    summary="A token for Mangacollec's API",
    responses=describe_errors(
        {**TOKEN, **MANGACOLLEC, 404: "mangacollec_not_linked", 409: "mangacollec_relink_required"}
    ),
)
async def get_token(caller: Caller, links: LinksOf) -> MangacollecToken:
    """Return an access token that is good for a minute at least."""
    return MangacollecToken.build(await links.find_token(caller.user.id))
