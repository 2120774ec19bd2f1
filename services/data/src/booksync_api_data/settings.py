"""What the operator of the Data API decides."""

from typing import ClassVar

from pydantic import Field

from booksync_api_data.program import PROGRAM
from booksync_common.auth_client import AuthClientSettings


class DataSettings(AuthClientSettings):
    """The guide's table of variables, and what every service has."""

    without_key: ClassVar[str] = "every change of shared facts is answered 503"

    port: int = Field(default=PROGRAM.port, ge=1, le=65535)

    @property
    def is_debug(self) -> bool:
        """On by default here, as the guide has it."""
        if self.app_debug is None and self.debug is None:
            return True
        return super().is_debug
