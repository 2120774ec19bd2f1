"""The Data API: facts about volumes that Mangacollec does not have."""

from collections.abc import Sequence

from booksync_api_data.personal import me, volumes
from booksync_api_data.personal.repository import forget_users
from booksync_api_data.settings import DataSettings
from booksync_api_data.shared import reading, writing
from booksync_api_data.tables import METADATA
from booksync_common.auth_client import AuthClient
from booksync_common.departures import Departures
from booksync_common.introspection import Introspection
from booksync_common.parts import Part
from booksync_common.service import Service


def make_parts(settings: DataSettings) -> Sequence[Part]:
    """Make what follows the Auth API."""
    client = AuthClient(settings.auth_addresses)
    return [Introspection(client), Departures(client, forget_users)]


SERVICE = Service(
    name="data",
    title="BookSync Data API",
    description="Facts about volumes that Mangacollec does not have.",
    settings=DataSettings,
    metadata=METADATA,
    # in this order: /volume-extra/import is no volume
    routers=[reading.router, writing.router, me.router, volumes.router],
    max_body=16 * 1024**2,  # a thousand volumes with everything that can be said of them
    streams={"/api/v1/volume-extra/import"},
    parts=make_parts,
)
