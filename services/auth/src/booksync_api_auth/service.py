"""The Auth API: profiles, sessions and the link to Mangacollec."""

from booksync_api_auth.settings import AuthSettings
from booksync_api_auth.tables import METADATA
from booksync_common.service import Service

SERVICE = Service(
    name="auth",
    title="BookSync Auth API",
    description="Profiles, sessions and the link to Mangacollec.",
    settings=AuthSettings,
    metadata=METADATA,
)
