"""Sign in with a name and a password.

Whoever does not know a password must not learn which names exist: an unknown name costs the same time, is counted the
same, and is answered the same. No transaction is open while bcrypt works, so that a storm of logins takes no
connections from other requests.
"""

from typing import Annotated

from fastapi import Depends

from booksync_api_auth.issuing import Issuer, IssuerOf
from booksync_api_auth.models import Issued, Origin, User
from booksync_api_auth.names import make_key
from booksync_api_auth.passwords import Passwords, PasswordsOf, Verdict
from booksync_api_auth.refusals import account_disabled, invalid_credentials
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.housekeeping import purge
from booksync_api_auth.repositories.rate_limits import RateLimits
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError


class SignIn:
    """Signing in."""

    def __init__(self, database: Database, passwords: Passwords, issuer: Issuer) -> None:
        self._database = database
        self._passwords = passwords
        self._issuer = issuer

    async def sign_in(self, *, name: str, password: str, device_name: str | None, origin: Origin) -> Issued:
        """Check a password and begin a session.

        :raises ProblemError: 401 invalid_credentials, 403 account_disabled, 429 rate_limited.
        """
        self._issuer.require_keys()
        account = make_key(name)
        with self._passwords.admit() as hashing:
            async with self._database.session() as session:
                await RateLimits(session).take(account, origin.address)
                user = await Users(session).find_by_name(name)
                strongest = await Users(session).find_most_rounds()
            verdict = await hashing.verify(password, user.password_hash if user else None, strongest=strongest)
        if user is None or not verdict.is_right:
            await self._note_failure(user, origin)
            raise invalid_credentials()
        outcome = await self._begin(user, verdict, account=account, device_name=device_name, origin=origin)
        if isinstance(outcome, ProblemError):
            raise outcome  # after the commit of what was noted
        return outcome

    async def _note_failure(self, user: User | None, origin: Origin) -> None:
        async with self._database.session() as session:
            await Users(session).count_failure(user.id if user else None)
            await Events(session).add("login", user_id=user.id if user else None, origin=origin, success=False)
            await purge(session)

    async def _begin(
        self, user: User, verdict: Verdict, *, account: str, device_name: str | None, origin: Origin
    ) -> Issued | ProblemError:
        """Begin a session, unless the profile is turned off or has become another while bcrypt worked."""
        async with self._database.session() as session:
            # first the profile, for which one may have to wait: all of a house have one address
            current = await Users(session).lock(user.id)
            await RateLimits(session).give_back(account, origin.address)
            if current is None or current.password_changed_at != user.password_changed_at:
                return invalid_credentials()
            await Events(session).add("login", user_id=user.id, origin=origin, success=current.is_active)
            if not current.is_active:
                return account_disabled()
            await Users(session).forget_failures(user.id)
            if verdict.new_hash is not None and user.password_hash is not None:
                await Users(session).strengthen_password(
                    user.id, old_hash=user.password_hash, new_hash=verdict.new_hash
                )
            await purge(session)
            return await self._issuer.begin(session, current, device_name=device_name, origin=origin)


async def get_sign_in(database: DatabaseOf, passwords: PasswordsOf, issuer: IssuerOf) -> SignIn:
    """Give a request the way in."""
    return SignIn(database, passwords, issuer)


SignInOf = Annotated[SignIn, Depends(get_sign_in)]
