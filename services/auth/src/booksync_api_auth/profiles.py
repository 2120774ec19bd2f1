"""Change and end profiles, so that there is always one left, and always somebody who manages them."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.confirming import Confirmation, ConfirmationOf
from booksync_api_auth.models import NOWHERE, Identity, Origin, User
from booksync_api_auth.passwords import Passwords, PasswordsOf
from booksync_api_auth.refusals import forbidden, password_changed, user_not_found
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError

#: What only an administrator decides.
_RESERVED = frozenset({"role", "is_active"})


class Profiles:
    """The profiles, for somebody who is signed in."""

    def __init__(self, database: Database, passwords: Passwords, confirmation: Confirmation) -> None:
        """Take what it is made of."""
        self._database = database
        self._passwords = passwords
        self._confirmation = confirmation

    async def find(self, user_id: UUID, *, caller: Identity) -> User:
        """Find a profile that the caller may see.

        :raises ProblemError: 403, 404.
        """
        if user_id == caller.user.id:
            return caller.user
        _require_admin(caller)
        async with self._database.session() as session:
            user = await Users(session).find(user_id)
        if user is None:
            raise user_not_found()
        return user

    async def change(self, user_id: UUID, values: Mapping[str, Any], *, caller: Identity, origin: Origin) -> User:
        """Change some of a profile; one that is turned off is signed out.

        :raises ProblemError: 403, 404, 409.
        """
        user = await self.find(user_id, caller=caller)
        changed = {name: value for name, value in values.items() if value != getattr(user, name)}
        if _RESERVED & changed.keys():
            _require_admin(caller)
        async with self._database.session() as session:
            current = await _lock(session, user_id, caller=caller, needs_admin=bool(_RESERVED & changed.keys()))
            if current.is_admin and current.is_active and (changed.get("role") == "user" or "is_active" in changed):
                await _refuse_last_admin(session, user_id)
            if not changed:
                return current
            result = await Users(session).update(user_id, changed)
            if not result.is_active:
                await Sessions(session).revoke_all(user_id, reason="disabled")
            await Events(session).add("profile_changed", user_id=user_id, origin=origin)
            return result

    async def delete(self, user_id: UUID, password: str, *, caller: Identity, origin: Origin) -> None:
        """Delete a profile, after the caller has confirmed who it is.

        :raises ProblemError: 401, 403, 404, 409, 429.
        """
        user = await self.find(user_id, caller=caller)
        await self._confirmation.confirm(caller.user, password, origin=origin)
        async with self._database.session() as session:
            current = await _lock(session, user.id, caller=caller)
            if await Users(session).count() == 1:
                raise ProblemError(409, "last_profile", "The last profile cannot be deleted.")
            if current.is_admin:
                await _refuse_last_admin(session, user.id)
            await Events(session).delete_all(user.id)
            await Users(session).delete(user.id)
            if user.id == caller.user.id:
                # where it was done is held about somebody who is no more
                await Events(session).add("profile_deleted", user_id=None, origin=NOWHERE)
            else:
                await Events(session).add("profile_deleted", user_id=caller.user.id, origin=origin)

    async def set_password(self, user_id: UUID, *, old: str | None, new: str, caller: Identity, origin: Origin) -> None:
        """Change a password and end the profile's other sessions. Of one's own, the old one is asked for.

        :raises ProblemError: 401, 403, 404, 422, 429.
        """
        user = await self.find(user_id, caller=caller)
        is_own = user.id == caller.user.id
        if is_own:
            if old is None:
                raise ProblemError(422, "old_password_missing", "Your old password is needed to change it.")
            await self._confirmation.confirm(caller.user, old, origin=origin)
        with self._passwords.admit() as hashing:
            password_hash = await hashing.hash(new)
        async with self._database.session() as session:
            current = await _lock(session, user.id, caller=caller)
            if is_own and current.password_changed_at != user.password_changed_at:
                raise password_changed()
            await Users(session).set_password(user.id, password_hash)
            kept = caller.session.id if is_own else None
            await Sessions(session).revoke_all(user.id, reason="password_changed", besides=kept)
            await Events(session).add("password_changed", user_id=user.id, origin=origin)


async def _lock(session: AsyncSession, user_id: UUID, *, caller: Identity, needs_admin: bool = False) -> User:
    """Find a profile again, when nobody else changes who there is, and look again whether the caller may change it."""
    await Users(session).lock_census()
    user = await Users(session).lock(user_id)
    if user is None:
        raise user_not_found()
    if (needs_admin or user_id != caller.user.id) and not await Users(session).is_admin(caller.user.id):
        raise forbidden()
    return user


async def _refuse_last_admin(session: AsyncSession, user_id: UUID) -> None:
    if await Users(session).count_active_admins(besides=user_id) == 0:
        raise ProblemError(409, "last_admin", "Nobody could manage the profiles: make another administrator first.")


def _require_admin(caller: Identity) -> None:
    if not caller.user.is_admin:
        raise forbidden()


async def get_profiles(database: DatabaseOf, passwords: PasswordsOf, confirmation: ConfirmationOf) -> Profiles:
    """Give a request the profiles."""
    return Profiles(database, passwords, confirmation)


ProfilesOf = Annotated[Profiles, Depends(get_profiles)]
