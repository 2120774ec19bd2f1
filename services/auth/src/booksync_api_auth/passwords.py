"""Passwords: bcrypt on threads of its own, and the one place that knows passlib.

One hash costs a quarter of a second of one core. On the event loop it would stop every other request; on a thread for
each request, a storm of logins would. So few run at a time, a few wait, and the rest are told when to come back.
"""

import asyncio
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from booksync_api_auth.password_rules import is_hashable
from booksync_api_auth.settings import AuthSettings
from booksync_common.parts import Part
from booksync_common.problems import ProblemError

with warnings.catch_warnings():
    # passlib looks for the module crypt, which Python 3.13 has no more; bcrypt is not in it
    warnings.simplefilter("ignore", DeprecationWarning)
    from passlib.context import CryptContext

#: Threads: one core is left to the event loop.
MAX_THREADS = 4
#: Requests that may wait for each thread; about two seconds of work with 12 rounds.
QUEUE_PER_THREAD = 8
RETRY_SECONDS = 3
#: Of the threads, so that requests which need no hash do not wait for a core.
NICENESS = 10


#: Of bcrypt.
MIN_ROUNDS = 4


def make_nobodys_hash(rounds: int) -> str:
    """Return what looks like a hash, costs what one costs, and is that of no password that anybody knows.

    passlib's `dummy_verify` computes one first, which a process that ends soon after its start would be held up by.
    """
    return f"$2b${rounds:02}${'.' * 53}"


def read_rounds(hashed: str) -> int:
    """Return the rounds of a hash of bcrypt, as in `$2b$12$…`."""
    return int(hashed.split("$")[2])


def give_way() -> None:
    """Let the event loop's thread go first: Linux's niceness is a thread's."""
    thread = threading.get_native_id()
    # a process that is nicer already may not take it back
    os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


@dataclass(frozen=True)
class Verdict:
    """Whether a password is right, and its hash in today's strength where the stored one is weaker."""

    is_right: bool
    new_hash: str | None = field(default=None, repr=False)


class Hashing:
    """Hash and verify, for who has been admitted."""

    def __init__(self, context: CryptContext, executor: ThreadPoolExecutor, rounds: int) -> None:
        self._context = context
        self._rounds = rounds
        self._executor = executor

    async def hash(self, password: str) -> str:
        """Hash a password, which must have passed `password_rules`."""
        return await self._run(lambda: str(self._context.hash(password)))

    async def verify(self, password: str, stored: str | None, *, strongest: int = 0) -> Verdict:
        """Compare a password with a hash; with none, the same work is done for nothing, so that nobody learns which.

        One that bcrypt would cut off or not take is wrong, as it has hashed none of those.

        :param strongest: the most rounds of any hash that is stored; with more than today's, each takes so many.
        """
        return await self._run(lambda: self._verify(password, stored, max(self._rounds, strongest)))

    def _verify(self, password: str, stored: str | None, most: int) -> Verdict:
        rounds = [most]
        if stored is not None and is_hashable(password):
            try:
                verdict = Verdict(*self._context.verify_and_update(password, stored))
            except ValueError:
                pass  # bcrypt takes the password, so it is the hash that is none of ours: nobody can sign in with it
            else:
                if verdict.is_right:
                    return verdict
                # one round more is twice the work, so that these and the one above make the most
                rounds = list(range(read_rounds(stored), most))
        for number in rounds:
            self._context.verify("", make_nobodys_hash(number))
        return Verdict(is_right=False)

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


class Passwords(Part):
    """The threads, and who may use them."""

    name = "passwords"

    def __init__(self, settings: AuthSettings) -> None:
        threads = max(1, min(MAX_THREADS, len(os.sched_getaffinity(0)) - 1))
        self._context = CryptContext(
            schemes=["bcrypt"],
            bcrypt__default_rounds=settings.bcrypt_rounds,
            # no most, which `bcrypt__rounds` would set, too: a hash that is stronger than today's stays
            bcrypt__min_rounds=settings.bcrypt_rounds,
            bcrypt__truncate_error=True,
        )
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=give_way)
        self._hashing = Hashing(self._context, self._executor, settings.bcrypt_rounds)
        self._places = threads * (1 + QUEUE_PER_THREAD)

    async def start(self) -> None:
        """Have passlib look at bcrypt now, lest the first to sign in wait for that, too."""
        await Hashing(self._context, self._executor, MIN_ROUNDS).verify("", None)

    async def stop(self) -> None:
        """End the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def require_place(self) -> None:
        """Make sure that the queue has a place.

        :raises ProblemError: 429, when there is none.
        """
        if self._places == 0:
            detail = "Too many people sign in at the moment; try again in a few seconds."
            raise ProblemError(429, "rate_limited", detail, headers={"Retry-After": str(RETRY_SECONDS)})

    @contextmanager
    def admit(self) -> Iterator[Hashing]:
        """Take a place in the queue for the block.

        :raises ProblemError: 429, when there is none.
        """
        self.require_place()
        self._places -= 1
        try:
            yield self._hashing
        finally:
            self._places += 1


async def get_passwords(request: Request) -> Passwords:
    """Give a request the threads."""
    passwords: Passwords = request.app.state.parts[Passwords.name]
    return passwords


PasswordsOf = Annotated[Passwords, Depends(get_passwords)]
