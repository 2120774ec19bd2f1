"""A job as it is shown."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import RowMapping


class Job(BaseModel):
    """Where a job stands."""

    id: UUID
    kind: Literal["bulk", "index", "reindex"]
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int = Field(description="items")
    total: int | None = Field(description="items; null until they are counted")
    error: str | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def read_job(row: RowMapping) -> Job:
    """Make the answer of a row."""
    return Job.model_validate({name: row[name] for name in Job.model_fields})
