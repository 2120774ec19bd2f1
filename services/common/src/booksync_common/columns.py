"""Columns that tables of several services have."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Uuid, func, text


def make_id() -> Column[UUID]:
    """Make a primary key that the database fills in."""
    return Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()"))


def make_time(name: str, *, nullable: bool = True) -> Column[datetime]:
    """Make a column for a point in time, which may not have come yet."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def make_times() -> tuple[Column[datetime], Column[datetime]]:
    """Make `created_at` and `updated_at`, which every table has."""
    return (
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now(), onupdate=func.now()),
    )
