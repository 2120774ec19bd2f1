"""SQL of the jobs: a queue in a table, with leases.

Who claims a job holds it for as long as it is heard of. A replica that is killed is not heard of any more, and after
the lease another one goes on. Each step of a job is one transaction that renews the lease as well, and so fails when
the job has gone to somebody else: what two have done can never both be stored.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, case, delete, func, insert, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_prediction.tables import JOB_ITEMS, JOBS

#: A job that is begun more often than this brings its replica down.
MAX_ATTEMPTS = 5
#: Finished jobs are kept for this long.
KEPT = timedelta(days=30)

LOST = "given up after too many attempts: each time, who worked on it was not heard of any more"


async def add(
    session: AsyncSession, kind: str, request: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> RowMapping:
    """Queue a job."""
    await session.execute(delete(JOBS).where(JOBS.c.finished_at < func.now() - KEPT))
    total = len(items) or None
    statement = insert(JOBS).values(kind=kind, request=dict(request), total=total).returning(*JOBS.columns)
    job = (await session.execute(statement)).mappings().one()
    if items:
        rows = [{"job_id": job["id"], "position": position, "item": item} for position, item in enumerate(items)]
        await (await session.connection()).execute(insert(JOB_ITEMS), rows)
    return job


async def lock_kind(session: AsyncSession, kind: str) -> None:
    """Let nobody else look for an active job of a kind, and add one, until the end of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"prediction.jobs.{kind}", 0))))


async def find_active(session: AsyncSession, kind: str, request: Mapping[str, Any]) -> RowMapping | None:
    """Return a job of a kind that is not finished, and does all that is asked for."""
    statement = (
        select(JOBS)
        .where(
            JOBS.c.kind == kind,
            JOBS.c.request.contains(dict(request)),
            JOBS.c.status.in_(["queued", "running"]),
            JOBS.c.cancel_requested.is_(False),
        )
        .order_by(JOBS.c.created_at)
        .limit(1)
    )
    return (await session.execute(statement)).mappings().first()


async def find(connection: AsyncSession | AsyncConnection, job_id: UUID) -> RowMapping | None:
    """Return a job."""
    return (await connection.execute(select(JOBS).where(JOBS.c.id == job_id))).mappings().first()


async def claim(session: AsyncSession, owner: UUID, lease: timedelta, *, model: str) -> RowMapping | None:
    """Take the job that has waited longest of those that nobody works on, and that are a model's or any's.

    One that was let go of waits since then: whatever keeps it from its end does not keep the others from theirs.
    """
    wanted = JOBS.c.request["model"].astext
    is_free = or_(
        JOBS.c.status == "queued",
        (JOBS.c.status == "running") & (JOBS.c.heartbeat_at < func.clock_timestamp() - lease),
    )
    longest = (
        select(JOBS.c.id)
        .where(is_free, or_(wanted.is_(None), wanted == model))
        .order_by(func.coalesce(JOBS.c.heartbeat_at, JOBS.c.created_at))
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_subquery()
    statement = (
        update(JOBS)
        .where(JOBS.c.id == longest)
        .values(
            status="running",
            owner=owner,
            attempts=JOBS.c.attempts + 1,
            started_at=func.coalesce(JOBS.c.started_at, func.now()),
            heartbeat_at=func.clock_timestamp(),
        )
        .returning(*JOBS.columns)
    )
    return (await session.execute(statement)).mappings().first()


async def renew(session: AsyncSession, job_id: UUID, owner: UUID, *, done: int = 0) -> RowMapping | None:
    """Renew the lease and count progress.

    :param done: items more than before; with progress, earlier attempts do not count any more.
    :return: None when the job is somebody else's, or finished.
    """
    statement = (
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.owner == owner, JOBS.c.status == "running")
        .values(heartbeat_at=func.clock_timestamp(), done=JOBS.c.done + done, **({"attempts": 1} if done else {}))
        .returning(*JOBS.columns)
    )
    return (await session.execute(statement)).mappings().first()


async def set_total(session: AsyncSession, job_id: UUID, total: int) -> None:
    """Say how much there is to do, beside what is done."""
    await session.execute(update(JOBS).where(JOBS.c.id == job_id).values(total=JOBS.c.done + total))


async def finish(session: AsyncSession, job_id: UUID, owner: UUID, status: str, error: str | None = None) -> None:
    """End a job that is still the owner's."""
    statement = (
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.owner == owner, JOBS.c.status == "running")
        .values(status=status, error=error, finished_at=func.clock_timestamp(), owner=null())
    )
    if (await (await session.connection()).execute(statement)).rowcount:
        await session.execute(delete(JOB_ITEMS).where(JOB_ITEMS.c.job_id == job_id))


async def release(session: AsyncSession, job_id: UUID, owner: UUID, error: str | None = None) -> None:
    """Let go of a job, for another replica to go on with at once.

    :param error: what failed, if that counts as an attempt.
    """
    attempts = JOBS.c.attempts - (1 if error is None else 0)
    statement = (
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.owner == owner, JOBS.c.status == "running")
        .values(status="queued", owner=null(), attempts=attempts, error=error, heartbeat_at=func.clock_timestamp())
    )
    await session.execute(statement)


async def cancel(session: AsyncSession, job_id: UUID) -> RowMapping | None:
    """End a job that waits, and ask the owner of one that runs to end it; a finished one stays as it is."""
    is_queued = JOBS.c.status == "queued"
    statement = (
        update(JOBS)
        .where(JOBS.c.id == job_id)
        .values(
            status=case((is_queued, "cancelled"), else_=JOBS.c.status),
            finished_at=case((is_queued, func.clock_timestamp()), else_=JOBS.c.finished_at),
            cancel_requested=or_(JOBS.c.status.in_(["queued", "running"]), JOBS.c.cancel_requested),
        )
        .returning(*JOBS.columns)
    )
    job = (await session.execute(statement)).mappings().first()
    if job is not None and job["status"] == "cancelled":
        await session.execute(delete(JOB_ITEMS).where(JOB_ITEMS.c.job_id == job_id))
    return job


async def find_items(session: AsyncSession, job_id: UUID, limit: int) -> Sequence[RowMapping]:
    """Return the next of a job's items."""
    statement = (
        select(JOB_ITEMS.c.position, JOB_ITEMS.c.item)
        .where(JOB_ITEMS.c.job_id == job_id)
        .order_by(JOB_ITEMS.c.position)
        .limit(limit)
    )
    return (await session.execute(statement)).mappings().all()


async def remove_items(session: AsyncSession, job_id: UUID, last: int) -> None:
    """Delete a job's items up to a position."""
    await session.execute(delete(JOB_ITEMS).where(JOB_ITEMS.c.job_id == job_id, JOB_ITEMS.c.position <= last))
