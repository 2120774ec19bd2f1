"""What clients ask most, one volume or some by their ids, straight from the driver.

SQLAlchemy takes several times as long over so small a query as the driver and the server together (bench/data.md).
"""

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter

from booksync_api_data.shared.models import VolumeExtra
from booksync_api_data.shared.repository import FIND
from booksync_common.database import Database

_FIND = FIND.format("$1")
_VOLUMES = TypeAdapter(list[VolumeExtra])


async def find_volumes(database: Database, ids: Sequence[UUID]) -> list[VolumeExtra]:
    """Return those of the volumes that there are, in no order."""
    return _VOLUMES.validate_python([dict(row) for row in await database.fetch(_FIND, ids)])
