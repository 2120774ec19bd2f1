"""What the operator of the Data API decides."""

from collections.abc import Iterator

from pydantic import Field

from booksync_common.auth_client import AuthClientSettings
from booksync_common.settings import Finding, check_key


class DataSettings(AuthClientSettings):
    """The guide's table of variables, and what every service has."""

    port: int = Field(default=8001, ge=1, le=65535)

    @property
    def is_debug(self) -> bool:
        """On by default here, as the guide has it."""
        if self.app_debug is None and self.debug is None:
            return True
        return super().is_debug

    def findings(self) -> Iterator[Finding]:
        """Yield what is missing or unsafe."""
        yield from super().findings()
        missing = "writing facts that all share answers 503"
        yield from check_key("APP_SECRET_KEY", self.app_secret_key, missing=missing, required=False)
