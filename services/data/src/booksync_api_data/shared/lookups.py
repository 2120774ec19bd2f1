"""What clients ask most, one volume or some by their ids, straight from the driver.

SQLAlchemy takes several times as long over so small a query as the driver and the server together (bench/data.md).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_data.shared.models import VolumeExtra
from booksync_common.database import CONNECTION_ERRORS
from booksync_common.problems import unavailable

_FIND = f"""
    SELECT {", ".join(VolumeExtra.model_fields)} FROM data.volume_extra
    WHERE volume_id = ANY($1) AND deleted_at IS NULL
"""  # noqa: S608 - of constants
_VOLUMES = TypeAdapter(list[VolumeExtra])


async def find_volumes(reader: AsyncConnection, ids: Sequence[UUID]) -> list[VolumeExtra]:
    """Return those of the volumes that there are, in no order.

    :raises ProblemError: 503 `database_unavailable`.
    """
    driver: Any = (await reader.get_raw_connection()).driver_connection
    try:
        rows = await driver.fetch(_FIND, ids)
    except CONNECTION_ERRORS as error:
        raise unavailable("database_unavailable", "The database does not answer at the moment.") from error
    return _VOLUMES.validate_python([dict(row) for row in rows])
