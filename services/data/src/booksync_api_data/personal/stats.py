"""What a user's volumes add up to."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_data.tables import USER_VOLUME

#: Of places, conditions, …: those with most volumes.
MAX_GROUPS = 100


class Spent(BaseModel):
    """Prices in one currency."""

    currency: str | None
    volumes: int
    cents: int


class PersonalStats(BaseModel):
    """What a user's volumes add up to."""

    volumes: int
    rated: int
    average_rating: float | None
    spent: list[Spent] = Field(description="By currency, as nobody here knows their rates.")
    years: dict[int, int] = Field(description="Volumes by the year of purchase.")
    conditions: dict[str, int]
    locations: dict[str, int]
    tags: dict[str, int]


async def read_stats(connection: AsyncConnection, user_id: UUID) -> PersonalStats:
    """Add up."""
    columns = USER_VOLUME.c
    is_own = columns.user_id == user_id
    totals = select(func.count(), func.count(columns.rating), func.avg(columns.rating)).where(is_own)
    volumes, rated, average = (await connection.execute(totals)).one()
    prices = (
        select(columns.currency, func.count(), func.sum(columns.price_cents))
        .where(is_own, columns.price_cents.is_not(None))
        .group_by(columns.currency)
        .order_by(columns.currency)
    )
    spent = [
        Spent(currency=currency, volumes=count, cents=cents)
        for currency, count, cents in await connection.execute(prices)
    ]

    async def count_by(group: ColumnElement[Any]) -> dict[Any, int]:
        grouped = select(group.label("name"), columns.volume_id).where(is_own).subquery()
        counted = select(grouped.c.name, func.count()).where(grouped.c.name.is_not(None)).group_by(grouped.c.name)
        ordered = counted.order_by(func.count().desc(), grouped.c.name).limit(MAX_GROUPS)
        return {name: count for name, count in await connection.execute(ordered)}  # noqa: C416 - rows are no pairs

    return PersonalStats(
        volumes=volumes,
        rated=rated,
        average_rating=None if average is None else round(float(average), 2),
        spent=spent,
        years=await count_by(cast(func.extract("year", columns.purchased_on), Integer)),
        conditions=await count_by(columns.condition),
        locations=await count_by(columns.location),
        tags=await count_by(func.unnest(columns.tags)),
    )
