"""Make profiles.

The first one is its household's administrator. After that an administrator makes them, or anybody, where REGISTRATION
is open. Two who are first at the same time are told apart by a lock: the second is refused, as it would have become
administrator a moment ago and cannot know that it is not.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.mangacollec.links import Links, LinksOf
from booksync_api_auth.mangacollec.models import SignedIn
from booksync_api_auth.models import Identity, Origin, Role, User
from booksync_api_auth.passwords import Passwords, PasswordsOf
from booksync_api_auth.refusals import registration_closed
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.rate_limits import RateLimits
from booksync_api_auth.repositories.users import Users
from booksync_api_auth.settings import AuthSettings, SettingsOf
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError


@dataclass(frozen=True, kw_only=True)
class NewProfile:
    """What somebody wants to have."""

    username: str
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    certify_adult: bool = False
    avatar: str | None = None
    role: Role = "user"


#: By which rule a profile is made.
Rule = Literal["first", "open", "admin"]


class Registration:
    """Making profiles."""

    def __init__(self, database: Database, passwords: Passwords, links: Links, settings: AuthSettings) -> None:
        """Take what it is made of."""
        self._database = database
        self._passwords = passwords
        self._links = links
        self._is_open = settings.registration == "open"

    async def find_rule(self, session: AsyncSession, caller: Identity | None) -> Rule | None:
        """Find out by which rule somebody may make a profile; None where only others may."""
        if not await Users(session).any():
            return "first"
        if caller is not None and caller.user.is_admin:
            return "admin"
        if self._is_open:
            return "open"
        return None

    async def register(
        self, new: NewProfile, *, mangacollec: tuple[str, str] | None, caller: Identity | None, origin: Origin
    ) -> User:
        """Make a profile; first of all, Mangacollec has to know its account.

        :param mangacollec: email and password.
        :raises ProblemError: 403, 409, 422, 429, 502, 503, 504.
        """
        async with self._database.session() as session:
            rule = await self.find_rule(session, caller)
            if rule is None:
                raise registration_closed()
            if rule != "admin":
                await RateLimits(session).take_from_address(origin.address)
            await Users(session).refuse_taken(new.username, new.email)
        signed_in = None
        if mangacollec is not None:
            signed_in = await self._links.sign_in(*mangacollec, origin=origin)
        password_hash = None
        if new.password is not None:
            with self._passwords.admit() as hashing:
                password_hash = await hashing.hash(new.password)
        async with self._database.session() as session:
            return await self.add(
                session, new, rule=rule, caller=caller, password_hash=password_hash, signed_in=signed_in, origin=origin
            )

    async def add(
        self,
        session: AsyncSession,
        new: NewProfile,
        *,
        rule: Rule,
        caller: Identity | None,
        password_hash: str | None,
        signed_in: SignedIn | None,
        origin: Origin,
    ) -> User:
        """Store a profile, unless by now it is not the first, or its caller no administrator.

        :param rule, caller: by which it was to be made, and by whom.
        :raises ProblemError: 403, 409.
        """
        roles: dict[Rule, Role] = {"first": "admin", "open": "user", "admin": new.role}
        await Users(session).lock_census()
        if rule == "first" and await Users(session).any():
            raise ProblemError(409, "profile_exists", "Somebody else has made the first profile at the same time.")
        if rule == "admin" and not (caller and await Users(session).is_admin(caller.user.id)):
            raise registration_closed()
        user = await Users(session).add(
            username=new.username,
            email=new.email,
            password_hash=password_hash,
            role=roles[rule],
            certify_adult=new.certify_adult,
            avatar=new.avatar,
            id_mangacollec=None if signed_in is None else signed_in.account.id,
        )
        if signed_in is not None:
            await self._links.store(session, user.id, signed_in)
        await Events(session).add("profile_created", user_id=user.id, origin=origin)
        return user


async def get_registration(
    database: DatabaseOf, passwords: PasswordsOf, links: LinksOf, settings: SettingsOf
) -> Registration:
    """Give a request what makes profiles."""
    return Registration(database, passwords, links, settings)


RegistrationOf = Annotated[Registration, Depends(get_registration)]
