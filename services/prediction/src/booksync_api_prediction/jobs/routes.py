"""Addresses of the jobs."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import RowMapping

from booksync_api_prediction.dependencies import FORBIDDEN, UNAUTHORIZED, Jobs, Settings, Storage, Writer
from booksync_api_prediction.jobs import repository
from booksync_api_prediction.jobs.bodies import Job, read_job
from booksync_common.bodies import StrictModel
from booksync_common.database import Reader, Session
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

ROUTER = APIRouter(prefix="/api/v1", tags=["jobs"], responses=UNAUTHORIZED | FORBIDDEN)

NOT_FOUND = describe_errors({404: "job_not_found"})


class Reindex(StrictModel):
    """How to reindex."""

    prune: bool = Field(default=False, description="delete the vectors of other models at the end")


@ROUTER.post(
    "/embeddings/reindex",
    status_code=202,
    summary="Embed what another model or an older recipe has embedded; one that is under way and does it is returned",
)
async def reindex(
    response: Response,
    _writer: Writer,
    settings: Settings,
    storage: Storage,
    jobs: Jobs,
    body: Reindex | None = None,
) -> Job:
    """Queue a job."""
    # without a `prune` that is false: a job that prunes as well will do
    request = {"model": settings.model_name} | (body or Reindex()).model_dump(exclude_defaults=True)
    job = await jobs.enqueue(storage, "reindex", request, once=True)
    response.headers["Location"] = f"/api/v1/jobs/{job['id']}"
    return read_job(job)


@ROUTER.get("/jobs/{job_id}", summary="Where a job stands", responses=NOT_FOUND)
async def get_job(job_id: UUID, _writer: Writer, reader: Reader) -> Job:
    """Show one."""
    return read_job(_require(await repository.find(reader, job_id)))


@ROUTER.delete(
    "/jobs/{job_id}",
    summary="Cancel a job: at once when it waits, after its current step when it runs",
    responses=NOT_FOUND,
)
async def cancel_job(job_id: UUID, _writer: Writer, session: Session) -> Job:
    """Cancel one; what it has stored stays."""
    return read_job(_require(await repository.cancel(session, job_id)))


def _require(job: RowMapping | None) -> RowMapping:
    if job is None:
        raise ProblemError(404, "job_not_found", "There is no such job, or not any more.")
    return job
