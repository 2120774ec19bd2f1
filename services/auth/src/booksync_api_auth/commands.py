"""Commands for the person who is locked out: they run where the database's address is, and need no token.

    docker exec -it booksync_auth_api booksync-api-auth reset-password

Names and passwords are asked for, or read from standard input, a line each: what stands in a command line is in the
history of the shell and in the list of processes.
"""

import getpass
import sys
from collections.abc import Callable
from http import HTTPStatus

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from booksync_api_auth.models import Origin
from booksync_api_auth.names import check_username
from booksync_api_auth.password_rules import check_chosen
from booksync_api_auth.passwords import Passwords
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.repositories.users import Users
from booksync_api_auth.settings import AuthSettings
from booksync_common.database import Database
from booksync_common.failures import FatalError
from booksync_common.problems import ProblemError

_HERE = Origin(address=None, user_agent="command line")


async def create_admin(settings: AuthSettings, database: Database) -> None:
    """Make an administrator.

    :raises FatalError: the name is taken, or the name or the password will not do.
    """
    username = _check(check_username, _ask("Username: "))
    password = _check(check_chosen, _ask_password())
    password_hash = await _hash(settings, password)
    try:
        async with database.session() as session:
            await Users(session).lock_census()
            user = await Users(session).add(
                username=username,
                email=None,
                password_hash=password_hash,
                role="admin",
                certify_adult=False,
                avatar=None,
                id_mangacollec=None,
            )
            await Events(session).add("profile_created", user_id=user.id, origin=_HERE)
    except ProblemError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        raise FatalError(error.detail) from None
    sys.stdout.write(f"{username} is an administrator\n")


async def reset_password(settings: AuthSettings, database: Database) -> None:
    """Give a profile another password; it is signed out everywhere, and turned on if it was off.

    :raises FatalError: there is no such profile, or the password will not do.
    """
    name = _ask("Username or email: ")
    password = _check(check_chosen, _ask_password())
    password_hash = await _hash(settings, password)
    async with database.session() as session:
        user = await Users(session).find_by_name(name)
        if user is None:
            message = "there is no such profile"
            raise FatalError(message)
        await Users(session).set_password(user.id, password_hash)
        await Users(session).update(user.id, {"is_active": True})
        await Sessions(session).revoke_all(user.id, reason="password_changed")
        await Events(session).add("password_changed", user_id=user.id, origin=_HERE)
    sys.stdout.write(f"{user.username} has a new password, is signed out everywhere and turned on\n")


async def _hash(settings: AuthSettings, password: SecretStr) -> str:
    passwords = Passwords(settings)
    try:
        with passwords.admit() as hashing:
            return await hashing.hash(password.get_secret_value())
    finally:
        await passwords.stop()


def _check[T](rule: Callable[[T], T], value: T) -> T:
    try:
        return rule(value)
    except PydanticCustomError as error:
        raise FatalError(error.message()) from None


def _ask(question: str) -> str:
    if sys.stdin.isatty():
        sys.stderr.write(question)
        sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        message = "standard input has ended: expected a name and a password, a line each (docker exec asks with -it)"
        raise FatalError(message)
    return line.rstrip("\r\n")


def _ask_password() -> SecretStr:
    if not sys.stdin.isatty():
        return SecretStr(_ask(""))
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        message = "the two passwords differ"
        raise FatalError(message)
    return SecretStr(password)
