"""How often somebody may try: counted in the database, where all replicas see it, each time in one statement.

A try counts when it begins and is given back when it succeeds, so that many at once do not get past the limit together.
An account is never closed: what grows is the delay of one address, and whoever is at another one signs in as always.
"""

import hashlib
import ipaddress
import math
from datetime import timedelta

from sqlalchemy import Integer, case, cast, delete, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.tables import RATE_LIMITS
from booksync_common.problems import ProblemError

#: Tries of one account from one address before there is a delay, which doubles with each try from one second on.
FREE_TRIES = 5
MAX_DELAY = 300  # s
#: A series of tries is forgotten this long after its last.
FORGET_AFTER = timedelta(hours=1)

#: Tries from one address, of all accounts: a family behind one router, or all containers of a host.
ADDRESS_TRIES = 300
ADDRESS_WINDOW = timedelta(minutes=5)

#: A series may be long; two to the power of it must not be.
_MAX_COUNT = 64

_COUNT = RATE_LIMITS.c.count
_IS_BLOCKED = RATE_LIMITS.c.blocked_until > func.now()


def make_address_key(address: str | None) -> str:
    """Return an address as limits know it: of IPv6 the network, as one house has 2^64 addresses of it."""
    if address is None:
        return "unknown"
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:  # of a socket that listens for both
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed, 64), strict=False))
    return str(parsed)


def make_account_key(account: str, address: str | None) -> str:
    """Return what stands for an account and an address; hashed, as anything may have been typed."""
    digest = hashlib.sha256(account.encode()).hexdigest()
    return f"account {digest} {make_address_key(address)}"


class RateLimits:
    """The table of limits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, account: str, address: str | None) -> None:
        """Count a try to sign in.

        :param account: what was typed, as `names.make_key` has it.
        :raises ProblemError: 429; roll back, so that it does not count.
        """
        await self.take_from_address(address)
        await self._take_from_account(make_account_key(account, address))

    async def give_back(self, account: str, address: str | None) -> None:
        """Take a try back, which has succeeded, and forget the series of failures that it ends.

        First the address, as when a try is counted: two that lock the same rows in another order end in a deadlock.
        """
        await self._give_back(f"address {make_address_key(address)}")
        await self._session.execute(delete(RATE_LIMITS).where(RATE_LIMITS.c.key == make_account_key(account, address)))

    async def undo(self, account: str, address: str | None) -> None:
        """Take a try back that nobody has judged; the failures before it stay counted."""
        await self._give_back(f"address {make_address_key(address)}")
        await self._give_back(make_account_key(account, address))

    async def _give_back(self, key: str) -> None:
        values = {"count": _COUNT - 1, "blocked_until": null()}
        await self._session.execute(update(RATE_LIMITS).where(RATE_LIMITS.c.key == key, _COUNT > 0).values(values))

    async def purge(self) -> None:
        """Drop what is over, and nobody is counting in."""
        where = (RATE_LIMITS.c.window_start < func.now() - FORGET_AFTER, ~func.coalesce(_IS_BLOCKED, False))
        keys = select(RATE_LIMITS.c.key).where(*where).with_for_update(skip_locked=True)
        await self._session.execute(delete(RATE_LIMITS).where(RATE_LIMITS.c.key.in_(keys)))

    async def _take_from_account(self, key: str) -> None:
        is_old = RATE_LIMITS.c.window_start < func.now() - FORGET_AFTER
        tries = cast(case((is_old, 1), else_=func.least(_COUNT + 1, _MAX_COUNT)), Integer)
        delay = func.least(func.power(2, tries - FREE_TRIES), MAX_DELAY) * literal(timedelta(seconds=1))
        insertion = insert(RATE_LIMITS).values(key=key, window_start=func.now(), count=1)
        statement = insertion.on_conflict_do_update(
            index_elements=[RATE_LIMITS.c.key],
            set_={
                "count": tries,
                "window_start": func.now(),
                "updated_at": func.now(),
                "blocked_until": case((tries >= FREE_TRIES, func.now() + delay), else_=null()),
            },
            where=or_(RATE_LIMITS.c.blocked_until.is_(None), ~_IS_BLOCKED),
        ).returning(_COUNT)
        if await self._session.scalar(statement) is None:
            until = select(RATE_LIMITS.c.blocked_until - func.now()).where(RATE_LIMITS.c.key == key)
            raise _limited(await self._session.scalar(until))

    async def take_from_address(self, address: str | None) -> None:
        """Count a try that belongs to no account.

        :raises ProblemError: 429.
        """
        key = f"address {make_address_key(address)}"
        is_over = RATE_LIMITS.c.window_start < func.now() - ADDRESS_WINDOW
        insertion = insert(RATE_LIMITS).values(key=key, window_start=func.now(), count=1)
        statement = insertion.on_conflict_do_update(
            index_elements=[RATE_LIMITS.c.key],
            set_={
                "count": case((is_over, 1), else_=_COUNT + 1),
                "window_start": case((is_over, func.now()), else_=RATE_LIMITS.c.window_start),
                "updated_at": func.now(),
            },
            where=or_(is_over, _COUNT < ADDRESS_TRIES),
        ).returning(_COUNT)
        if await self._session.scalar(statement) is None:
            until = select(RATE_LIMITS.c.window_start + ADDRESS_WINDOW - func.now()).where(RATE_LIMITS.c.key == key)
            raise _limited(await self._session.scalar(until))


def _limited(rest: timedelta | None) -> ProblemError:
    seconds = max(1, math.ceil((rest or timedelta()).total_seconds()))
    detail = f"Too many attempts; try again in {seconds} s."
    return ProblemError(429, "rate_limited", detail, headers={"Retry-After": str(seconds)})
