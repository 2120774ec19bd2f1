"""The part of the service that does jobs, one after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.jobs import repository
from booksync_common.database import CONNECTION_ERRORS, Database
from booksync_common.parts import Part
from booksync_common.problems import ProblemError
from booksync_common.startup import describe, find_cause
from booksync_common.startup import is_passing as is_database_passing

logger = logging.getLogger(__name__)

# s
POLL = 5.0
LEASE = 30.0
PATIENCE = 1.0

#: PostgreSQL's words for what another attempt may get past, and another and another may not: a statement that takes too
#: long, a full disk, no memory, a limit that is configured (appendix A).
LASTING_STATES = frozenset({"57014", "53100", "53200", "53400"})

#: What the database raises when it is away or busy, and sometimes when not: see `is_passing`.
FAILURES = (*CONNECTION_ERRORS, PoolTimeoutError, ProblemError)


class StoppedError(Exception):
    """The job was cancelled, or has gone to another replica."""


@dataclass(frozen=True)
class Run:
    """A job that this replica works on."""

    job_id: UUID
    owner: UUID
    request: Mapping[str, Any]
    database: Database

    async def renew(self, session: AsyncSession, *, done: int = 0) -> None:
        """Begin a step's transaction.

        :param done: items that the transaction stores.
        :raises StoppedError: nothing is to be stored any more.
        """
        job = await repository.renew(session, self.job_id, self.owner, done=done)
        if job is None or job["cancel_requested"]:
            raise StoppedError


#: Does a job to its end, in steps. Called again after a crash, and finds what is left to do.
Handler = Callable[[Run], Awaitable[None]]


class Runner(Part):
    """Claims jobs and does them."""

    name = "jobs"

    def __init__(
        self, handlers: Mapping[str, Handler], *, model: str, poll: float = POLL, lease: float = LEASE
    ) -> None:
        """Remember what to do.

        :param handlers: by the kind of a job.
        :param model: this replica's; jobs of another one are left to others.
        :param poll: seconds between two looks at the table.
        :param lease: seconds without a sign of life after which a job is another replica's.
        """
        self._handlers = handlers
        self._model = model
        self._poll = poll
        self._lease = lease
        self._owner = uuid4()
        self._added = asyncio.Event()

    async def enqueue(
        self,
        database: Database,
        kind: str,
        request: Mapping[str, Any] | None = None,
        *,
        items: Sequence[Mapping[str, Any]] = (),
        once: bool = False,
    ) -> RowMapping:
        """Queue a job.

        :param request: how to do it; its `model`, if there is one, is whose replicas do it.
        :param once: whether one of its kind that is not finished will do, if it does all that this one asks for.
        """
        request = request or {}
        async with database.session() as session:
            job = None
            if once:
                await repository.lock_kind(session, kind)
                job = await repository.find_active(session, kind, request)
            if job is None:
                job = await repository.add(session, kind, request, items)
        self._added.set()
        return job

    async def attend(self, database: Database) -> None:
        """Do what is queued, until cancelled."""
        while True:
            self._added.clear()
            try:
                async with database.session() as session:
                    lease = timedelta(seconds=self._lease)
                    job = await repository.claim(session, self._owner, lease, model=self._model)
                if job is not None:
                    await self._do(job, database)
                    continue
            except FAILURES as error:
                if not is_passing(error):
                    raise
            with suppress(TimeoutError):
                await asyncio.wait_for(self._added.wait(), self._poll)

    async def _do(self, job: RowMapping, database: Database) -> None:
        run = Run(job["id"], self._owner, job["request"], database)
        if job["cancel_requested"]:
            await self._finish(run, "cancelled")
            return
        if job["attempts"] > repository.MAX_ATTEMPTS:
            await self._finish(run, "failed", job["error"] or repository.LOST)
            return
        logger.info("job %s (%s): begins", run.job_id, job["kind"])
        beat = asyncio.create_task(self._beat(run))
        try:
            await self._handlers[job["kind"]](run)
        except StoppedError:
            await self._finish(run, "cancelled")
        except asyncio.CancelledError:
            # the service stops; who starts within the lease should not have to wait for its end
            await self._release(run)
            raise
        except Exception as error:
            if is_passing(error):
                logger.warning("job %s (%s): interrupted: %s", run.job_id, job["kind"], describe(error))
                await asyncio.sleep(PATIENCE)
                cause = find_cause(error)
                is_lasting = getattr(cause, "sqlstate", None) in LASTING_STATES
                await self._release(run, type(cause).__name__ if is_lasting else None)
                # long enough for another replica to look
                await asyncio.sleep(self._poll)
                return
            logger.exception("job %s (%s): failed", run.job_id, job["kind"])
            await self._finish(run, "failed", error.detail if isinstance(error, ProblemError) else type(error).__name__)
        else:
            await self._finish(run, "done")
        finally:
            beat.cancel()

    async def _beat(self, run: Run) -> None:
        """Renew the lease while a step takes long."""
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(*FAILURES):
                async with run.database.session() as session:
                    await repository.renew(session, run.job_id, run.owner)

    async def _release(self, run: Run, error: str | None = None) -> None:
        """Let another replica, or this one, go on; where that cannot be said, it goes on after the lease.

        :param error: what failed, if that counts as an attempt.
        """
        with suppress(*FAILURES):
            async with run.database.session() as session:
                await repository.release(session, run.job_id, run.owner, error)

    async def _finish(self, run: Run, status: str, error: str | None = None) -> None:
        async with run.database.session() as session:
            await repository.finish(session, run.job_id, run.owner, status, error)
        logger.info("job %s: %s", run.job_id, status)


def is_passing(error: Exception) -> bool:
    """Tell whether the same might work in a moment."""
    if isinstance(error, ProblemError):
        return error.status == HTTPStatus.SERVICE_UNAVAILABLE
    return isinstance(error, PoolTimeoutError) or is_database_passing(error)


async def patiently[T](run: Run, work: Callable[[], Awaitable[T]]) -> T:
    """Do something again and again while the service says that it is busy: a job has time.

    :raises StoppedError: nobody wants it any more.
    :raises ProblemError: also where this replica has no model, as another may have one.
    """
    while True:
        try:
            return await work()
        except ProblemError as problem:
            if not is_passing(problem) or problem.code == "model_unavailable":
                raise
        await asyncio.sleep(PATIENCE)
        async with run.database.session() as session:
            await run.renew(session)
