"""Profiles."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, RowMapping, Select, cast, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from booksync_api_auth.models import Role, User
from booksync_api_auth.names import make_key
from booksync_api_auth.refusals import user_not_found
from booksync_api_auth.tables import DELETED_USERS, USERS
from booksync_common.problems import ProblemError

COLUMNS = tuple(
    USERS.c[name]
    for name in (
        "id",
        "id_mangacollec",
        "username",
        "email",
        "role",
        "certify_adult",
        "avatar",
        "is_active",
        "password_hash",
        "password_changed_at",
        "created_at",
        "updated_at",
    )
)

#: What a violated constraint means.
_CONFLICTS = {
    "uq_users_username_key": ("username_taken", "Another profile has this username."),
    "uq_users_email_key": ("email_taken", "Another profile has this email address."),
    "uq_users_id_mangacollec": ("mangacollec_already_linked", "Another profile is linked to this Mangacollec account."),
}

#: Advisory lock of what counts profiles: the first, the last, the last admin.
_CENSUS_LOCK = 0x626F6F6B


def parse_user(row: RowMapping | Mapping[str, Any]) -> User:
    """Make a profile of a row."""
    return User(**{column.name: row[column.name] for column in COLUMNS})


class Users:
    """The table of profiles."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_census(self) -> None:
        """Let nobody else make, delete or demote a profile until the end of the transaction."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CENSUS_LOCK})

    async def any(self) -> bool:
        """Tell whether there is a profile."""
        return bool(await self._session.scalar(select(exists().select_from(USERS))))

    async def count(self) -> int:
        """Count profiles."""
        return await self._session.scalar(select(func.count()).select_from(USERS)) or 0

    async def count_active_admins(self, *, besides: UUID) -> int:
        """Count who else may manage profiles."""
        where = (USERS.c.role == "admin", USERS.c.is_active, USERS.c.id != besides)
        return await self._session.scalar(select(func.count()).select_from(USERS).where(*where)) or 0

    async def list(self) -> Sequence[User]:
        """Return all profiles, the oldest first."""
        rows = await self._session.execute(select(*COLUMNS).order_by(USERS.c.created_at, USERS.c.id))
        return [parse_user(row) for row in rows.mappings()]

    async def is_admin(self, user_id: UUID) -> bool:
        """Tell whether a profile may manage the others now; nobody changes that who waits for `lock_census`."""
        where = (USERS.c.id == user_id, USERS.c.role == "admin", USERS.c.is_active)
        return bool(await self._session.scalar(select(exists().where(*where))))

    async def find_most_rounds(self) -> int:
        """Return the most rounds of bcrypt of any password; 0 where there is none."""
        rounds = cast(func.substring(USERS.c.password_hash, r"^\$2[aby]\$(\d\d)\$"), Integer)
        return await self._session.scalar(select(func.max(rounds))) or 0

    async def find(self, user_id: UUID) -> User | None:
        """Find a profile by its id."""
        return await self._find(USERS.c.id == user_id)

    async def find_by_name(self, name: str) -> User | None:
        """Find a profile by its username or email address."""
        key = make_key(name)
        return await self._find(or_(USERS.c.username_key == key, USERS.c.email_key == key))

    async def lock(self, user_id: UUID) -> User | None:
        """Find a profile, and let nobody change it until the end of the transaction."""
        return await self._lock(USERS.c.id == user_id)

    async def lock_by_mangacollec(self, id_mangacollec: UUID) -> User | None:
        """Do the same for the profile of a Mangacollec account; one that has lost it meanwhile is not found."""
        return await self._lock(USERS.c.id_mangacollec == id_mangacollec)

    async def _find(self, condition: Any) -> User | None:
        return await self._read(select(*COLUMNS).where(condition))

    async def _lock(self, condition: Any) -> User | None:
        # whoever has waited for a row sees it, and whether the condition holds, as it is then
        return await self._read(select(*COLUMNS).where(condition).with_for_update())

    async def _read(self, statement: Select[Any]) -> User | None:
        row = (await self._session.execute(statement)).mappings().one_or_none()
        return None if row is None else parse_user(row)

    async def refuse_taken(self, username: str, email: str | None) -> None:
        """Refuse early what `add` would refuse.

        :raises ProblemError: 409 username_taken, email_taken.
        """
        if await self.is_username_taken(username):
            raise ProblemError(409, *_CONFLICTS["uq_users_username_key"])
        if email is not None and await self._find(USERS.c.email_key == make_key(email)) is not None:
            raise ProblemError(409, *_CONFLICTS["uq_users_email_key"])

    async def is_username_taken(self, username: str) -> bool:
        """Tell whether there is a profile of that name."""
        return await self._find(USERS.c.username_key == make_key(username)) is not None

    async def add(
        self,
        *,
        username: str,
        email: str | None,
        password_hash: str | None,
        role: Role,
        certify_adult: bool,
        avatar: str | None,
        id_mangacollec: UUID | None,
    ) -> User:
        """Store a new profile.

        :raises ProblemError: 409, when it is too much like another.
        """
        values = {
            "username": username,
            "username_key": make_key(username),
            "email": email,
            "email_key": None if email is None else make_key(email),
            "password_hash": password_hash,
            "password_changed_at": None if password_hash is None else datetime.now(UTC),
            "role": role,
            "certify_adult": certify_adult,
            "avatar": avatar,
            "id_mangacollec": id_mangacollec,
        }
        return await self._write(insert(USERS).values(values).returning(*COLUMNS))

    async def update(self, user_id: UUID, values: Mapping[str, Any]) -> User:
        """Change a profile; the keys of its names follow them.

        :raises ProblemError: 409, when it becomes too much like another; 404, when it is gone.
        """
        changed = dict(values)
        for name in ("username", "email"):
            if name in changed:
                changed[f"{name}_key"] = None if changed[name] is None else make_key(changed[name])
        changed["updated_at"] = func.now()
        return await self._write(update(USERS).where(USERS.c.id == user_id).values(changed).returning(*COLUMNS))

    async def _write(self, statement: ReturningInsert[Any] | ReturningUpdate[Any]) -> User:
        try:
            row = (await self._session.execute(statement)).mappings().one_or_none()
        except IntegrityError as error:
            raise _explain(error) from error
        if row is None:
            raise user_not_found()
        return parse_user(row)

    async def count_failure(self, user_id: UUID | None) -> None:
        """Count a failed sign-in; with None, do as much for nobody."""
        statement = update(USERS).where(USERS.c.id == user_id)
        await self._session.execute(
            statement.values(failed_logins=USERS.c.failed_logins + 1, updated_at=USERS.c.updated_at)
        )

    async def find_failures(self, user_id: UUID) -> int:
        """Return how many sign-ins have failed since the last good one."""
        return int(await self._session.scalar(select(USERS.c.failed_logins).where(USERS.c.id == user_id)) or 0)

    async def forget_failures(self, user_id: UUID) -> None:
        """Begin to count anew."""
        where = (USERS.c.id == user_id, USERS.c.failed_logins > 0)
        await self._session.execute(update(USERS).where(*where).values(failed_logins=0, updated_at=USERS.c.updated_at))

    async def set_password(self, user_id: UUID, password_hash: str) -> None:
        """Store a new password's hash."""
        values = {"password_hash": password_hash, "password_changed_at": func.now(), "failed_logins": 0}
        await self._session.execute(update(USERS).where(USERS.c.id == user_id).values(values))

    async def strengthen_password(self, user_id: UUID, *, old_hash: str, new_hash: str) -> None:
        """Store a stronger hash of the same password, unless the password was changed meanwhile."""
        where = (USERS.c.id == user_id, USERS.c.password_hash == old_hash)
        await self._session.execute(update(USERS).where(*where).values(password_hash=new_hash))

    async def delete(self, user_id: UUID) -> None:
        """Delete a profile and all that hangs on it, and put it into the feed of deleted ones."""
        await self._session.execute(delete(USERS).where(USERS.c.id == user_id))
        await self._session.execute(insert(DELETED_USERS).values(user_id=user_id))


def _explain(error: IntegrityError) -> Exception:
    """Return the problem that a violated constraint is; the error itself where it is none of them."""
    cause = getattr(error.orig, "__cause__", None)
    found = _CONFLICTS.get(str(getattr(cause, "constraint_name", None)))
    return error if found is None else ProblemError(409, *found)
