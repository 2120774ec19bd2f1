"""The Data API: facts about volumes that Mangacollec does not have."""

from booksync_api_data.settings import DataSettings
from booksync_api_data.tables import METADATA
from booksync_common.service import Service

SERVICE = Service(
    name="data",
    title="BookSync Data API",
    description="Facts about volumes that Mangacollec does not have.",
    settings=DataSettings,
    metadata=METADATA,
)
