"""How much is known of the volumes."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_data.shared.models import FIELDS
from booksync_api_data.shared.repository import IS_THERE
from booksync_api_data.tables import VOLUME_EXTRA

#: Of sources, those that brought most.
MAX_SOURCES = 50


class Coverage(BaseModel):
    """How many volumes have a fact."""

    known: int
    share: float = Field(description="Of all volumes, from 0 to 1.")


class VolumeStats(BaseModel):
    """How much is known."""

    volumes: int
    locked: int = Field(description="Volumes with a locked field.")
    fields: dict[str, Coverage] = Field(description="By fact; of measures, `length_cm` and the others count numbers.")
    sources: dict[str, int]
    updated_at: datetime | None


COUNTED = (*FIELDS, "length_cm", "height_cm", "width_cm", "weight_g")
_COLUMNS = VOLUME_EXTRA.c
_COUNT = select(
    func.count().label("volumes"),
    func.count().filter(_COLUMNS.locked_fields != []).label("locked"),
    func.max(_COLUMNS.updated_at).label("updated_at"),
    *(func.count(_COLUMNS[name]).label(name) for name in COUNTED),
).where(IS_THERE)
_SOURCES = (
    select(_COLUMNS.source, func.count().label("volumes"))
    .where(IS_THERE, _COLUMNS.source.is_not(None))
    .group_by(_COLUMNS.source)
    .order_by(func.count().desc(), _COLUMNS.source)
    .limit(MAX_SOURCES)
)


async def read_stats(connection: AsyncConnection) -> VolumeStats:
    """Count."""
    row = (await connection.execute(_COUNT)).one()._mapping
    sources = (await connection.execute(_SOURCES)).all()
    return VolumeStats(
        volumes=row["volumes"],
        locked=row["locked"],
        fields=_build_coverage({name: row[name] for name in COUNTED}, row["volumes"]),
        sources={source.source: source.volumes for source in sources},
        updated_at=row["updated_at"],
    )


def _build_coverage(known: Mapping[str, int], volumes: int) -> dict[str, Coverage]:
    return {
        name: Coverage(known=count, share=round(count / volumes, 4) if volumes else 0) for name, count in known.items()
    }
