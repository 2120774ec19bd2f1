"""The Data API: facts about volumes that Mangacollec does not have."""

import math
from collections.abc import Sequence

from booksync_api_data.personal import me, volumes
from booksync_api_data.personal.repository import forget_users
from booksync_api_data.program import PROGRAM
from booksync_api_data.settings import DataSettings
from booksync_api_data.shared import reading, writing
from booksync_api_data.tables import METADATA
from booksync_common.auth_client import AuthClient
from booksync_common.departures import Departures
from booksync_common.introspection import Introspection
from booksync_common.parts import Part
from booksync_common.service import Service

_BATCH = 8 * 1024**2  # a thousand volumes with eight thousand characters each


def make_parts(settings: DataSettings) -> Sequence[Part]:
    """Make what follows the Auth API."""
    client = AuthClient(settings.auth_addresses)
    return [Introspection(client), Departures(client, forget_users)]


SERVICE = Service(
    program=PROGRAM,
    title="BookSync Data API",
    settings=DataSettings,
    metadata=METADATA,
    # in this order: /volume-extra/import is no volume
    routers=[reading.router, writing.router, me.router, volumes.router],
    large_bodies={
        ("POST", "/api/v1/volume-extra/bulk"): _BATCH,
        ("POST", "/api/v1/me/volumes/bulk"): _BATCH,
        ("POST", "/api/v1/volume-extra/import"): math.inf,  # read as it comes
    },
    parts=make_parts,
)
