"""Profiles: who there is, and making, changing and deleting them."""

from uuid import UUID

from fastapi import APIRouter, Response

from booksync_api_auth.api.errors import ADMIN, CONFIRMATION, MANGACOLLEC_PASSWORD, PROFILE, TOKEN, VALIDATION
from booksync_api_auth.api.profile_bodies import ConfirmBody, NewUserBody, PasswordBody, PatchBody, PutBody
from booksync_api_auth.api.schemas import PickedUser, UserAnswer, show_user
from booksync_api_auth.identity import Caller, MaybeCaller, OriginOf
from booksync_api_auth.profiles import ProfilesOf
from booksync_api_auth.refusals import forbidden, unauthenticated
from booksync_api_auth.registering import RegistrationOf
from booksync_api_auth.repositories.users import Users
from booksync_api_auth.settings import SettingsOf
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/users", tags=["profiles"])


@router.post(
    "",
    summary="Make a profile",
    status_code=201,
    responses=describe_errors(
        {
            **TOKEN,
            **MANGACOLLEC_PASSWORD,
            403: "registration_closed, account_disabled",
            409: "username_taken, email_taken, mangacollec_already_linked, profile_exists",
        }
    ),
)
async def create_user(
    body: NewUserBody, caller: MaybeCaller, registration: RegistrationOf, origin: OriginOf, response: Response
) -> UserAnswer:
    """Make a profile: anybody the first, which becomes administrator, and then administrators.

    With REGISTRATION=open everybody goes on making them. An account of Mangacollec is checked there first.
    """
    user = await registration.register(body.profile(), mangacollec=body.mangacollec(), caller=caller, origin=origin)
    response.headers["Location"] = f"/api/v1/users/{user.id}"
    return show_user(user)


@router.get("", summary="All profiles", responses=describe_errors(ADMIN))
async def list_users(
    caller: MaybeCaller, session: Session, settings: SettingsOf
) -> list[UserAnswer] | list[PickedUser]:
    """Return all profiles to administrators, and to everybody names and avatars to pick from (PROFILE_PICKER)."""
    is_admin = caller is not None and caller.user.is_admin
    if not is_admin and not settings.profile_picker:
        raise unauthenticated() if caller is None else forbidden()
    users = await Users(session).list()
    if is_admin:
        return [show_user(user) for user in users]
    return [PickedUser.model_validate(user) for user in users if user.is_active]


@router.get("/me", summary="My profile", responses=describe_errors(TOKEN))
async def get_me(caller: Caller) -> UserAnswer:
    """Return the profile of the token."""
    return show_user(caller.user)


@router.get("/{user_id}", summary="A profile", responses=describe_errors({**PROFILE, **VALIDATION}))
async def get_user(user_id: UUID, caller: Caller, profiles: ProfilesOf) -> UserAnswer:
    """Return a profile: one's own, or to administrators any."""
    return show_user(await profiles.find(user_id, caller=caller))


@router.patch(
    "/{user_id}",
    summary="Change some of a profile",
    responses=describe_errors({**PROFILE, **VALIDATION, 409: "username_taken, email_taken, last_admin"}),
)
async def patch_user(
    user_id: UUID, body: PatchBody, caller: Caller, profiles: ProfilesOf, origin: OriginOf
) -> UserAnswer:
    """Change what is given; null clears email and avatar. Only administrators change role and is_active."""
    return show_user(await profiles.change(user_id, body.changes(), caller=caller, origin=origin))


@router.put(
    "/{user_id}",
    summary="Replace a profile",
    responses=describe_errors({**PROFILE, **VALIDATION, 409: "username_taken, email_taken, last_admin"}),
)
async def put_user(user_id: UUID, body: PutBody, caller: Caller, profiles: ProfilesOf, origin: OriginOf) -> UserAnswer:
    """Change all of a profile: what is not given is cleared, but for role and is_active."""
    return show_user(await profiles.change(user_id, body.changes(), caller=caller, origin=origin))


@router.delete(
    "/{user_id}",
    summary="Delete a profile",
    status_code=204,
    responses=describe_errors({**CONFIRMATION, 409: "last_profile, last_admin"}),
)
async def delete_user(
    user_id: UUID, body: ConfirmBody, caller: Caller, profiles: ProfilesOf, origin: OriginOf
) -> Response:
    """Delete a profile with all that is held about it, also at the other services.

    The caller's password is asked for; without one here, that of the caller's Mangacollec account.
    """
    await profiles.delete(user_id, body.password.get_secret_value(), caller=caller, origin=origin)
    return Response(status_code=204)


@router.put(
    "/{user_id}/password",
    summary="Change a password",
    status_code=204,
    responses=describe_errors({**CONFIRMATION, 409: "conflict", 422: "validation_failed, old_password_missing"}),
)
async def put_password(
    user_id: UUID, body: PasswordBody, caller: Caller, profiles: ProfilesOf, origin: OriginOf
) -> Response:
    """Change a password and sign all other devices out. Administrators need no old password of others."""
    old = None if body.old_password is None else body.old_password.get_secret_value()
    await profiles.set_password(
        user_id, old=old, new=body.new_password.get_secret_value(), caller=caller, origin=origin
    )
    return Response(status_code=204)
