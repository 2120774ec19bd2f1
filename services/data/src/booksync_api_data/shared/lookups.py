"""What clients ask most, one volume or some by their ids, straight from the driver.

SQLAlchemy takes several times as long over so small a query as the driver and the server together (bench/data.md).
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter

from booksync_api_data.shared.models import VolumeExtra
from booksync_common.database import Database

_FIND = f"""
    SELECT {", ".join(VolumeExtra.model_fields)} FROM data.volume_extra
    WHERE volume_id = ANY($1) AND deleted_at IS NULL
"""  # noqa: S608 - of constants
_VOLUMES = TypeAdapter(list[VolumeExtra])


async def find_volumes(database: Database, ids: Sequence[UUID]) -> list[VolumeExtra]:
    """Return those of the volumes that there are, in no order."""
    return _VOLUMES.validate_python([dict(row) for row in await database.fetch(_FIND, ids)])
