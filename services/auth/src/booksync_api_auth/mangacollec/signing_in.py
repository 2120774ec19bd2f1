"""Sign in with an account of Mangacollec: whoever it belongs to there has the profile here."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.issuing import Issuer, IssuerOf
from booksync_api_auth.mangacollec.links import Links, LinksOf
from booksync_api_auth.mangacollec.models import SignedIn
from booksync_api_auth.models import Issued, Origin, User
from booksync_api_auth.names import adapt_username
from booksync_api_auth.refusals import account_disabled, registration_closed
from booksync_api_auth.registering import NewProfile, Registration, RegistrationOf, Rule
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.housekeeping import purge
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Database, DatabaseOf

#: Numbers that are put behind a name that another profile has.
_SUFFIXES = range(2, 100)


class MangacollecSignIn:
    """Signing in with an account of Mangacollec."""

    def __init__(self, database: Database, links: Links, registration: Registration, issuer: Issuer) -> None:
        """Take what it is made of."""
        self._database = database
        self._links = links
        self._registration = registration
        self._issuer = issuer

    async def sign_in(self, *, email: str, password: str, device_name: str | None, origin: Origin) -> Issued:
        """Have Mangacollec check a password, and begin a session.

        :raises ProblemError: 403 account_disabled, registration_closed; 409; 422; 429; 502, 503, 504.
        """
        self._issuer.require_keys()
        async with self._database.session() as session:
            # before Mangacollec is asked: whoever has made the first profile meanwhile has won a race
            rule = await self._registration.find_rule(session, None)
        signed_in = await self._links.sign_in(email, password, origin=origin)
        async with self._database.session() as session:
            user = await Users(session).lock_by_mangacollec(signed_in.account.id)
            if user is None:
                # another request may make it at this moment
                await Users(session).lock_census()
                user = await Users(session).lock_by_mangacollec(signed_in.account.id)
            if user is None:
                user = await self._register(session, signed_in, rule=rule, origin=origin)
            elif user.is_active:
                await self._links.store(session, user.id, signed_in)
            await Events(session).add("mangacollec_login", user_id=user.id, origin=origin, success=user.is_active)
            await purge(session)
            if user.is_active:
                return await self._issuer.begin(session, user, device_name=device_name, origin=origin)
        raise account_disabled()  # after the commit of what was noted

    async def _register(self, session: AsyncSession, signed_in: SignedIn, *, rule: Rule | None, origin: Origin) -> User:
        if rule is None:
            raise registration_closed()
        account = signed_in.account
        new = NewProfile(
            username=await self._find_free_name(session, adapt_username(account.username or "")),
            certify_adult=account.certify_adult is True,
        )
        return await self._registration.add(
            session, new, rule=rule, caller=None, password_hash=None, signed_in=signed_in, origin=origin
        )

    async def _find_free_name(self, session: AsyncSession, name: str) -> str:
        for candidate in (name, *(f"{name} {number}" for number in _SUFFIXES)):
            if not await Users(session).is_username_taken(candidate):
                return candidate
        return name


async def get_mangacollec_sign_in(
    database: DatabaseOf, links: LinksOf, registration: RegistrationOf, issuer: IssuerOf
) -> MangacollecSignIn:
    """Give a request the way in."""
    return MangacollecSignIn(database, links, registration, issuer)


MangacollecSignInOf = Annotated[MangacollecSignIn, Depends(get_mangacollec_sign_in)]
