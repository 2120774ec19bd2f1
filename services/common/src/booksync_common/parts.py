"""What a service consists of beside its database, such as a model that takes a while to load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_common.database import Database


@dataclass(frozen=True)
class Check:
    """The state of one part, as health answers show it to everybody: without addresses and secrets."""

    status: Literal["ok", "starting", "failing"]
    detail: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether the part does its work."""
        return self.status == "ok"

    def as_json(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"status": self.status} | ({} if self.detail is None else {"detail": self.detail}) | dict(self.facts)


class Part:
    """Something that has to be started before the service can do its work.

    Making one does nothing. Whatever is to be done before the service is ready may raise FatalError, which ends it.
    """

    name: str

    async def start(self) -> None:
        """Get ready, while the service waits for its database."""

    async def prepare(self, connection: AsyncConnection) -> None:
        """See to what the migrations need; runs under their lock."""

    async def verify(self, connection: AsyncConnection) -> None:
        """Compare the database, migrated, with this part."""

    async def attend(self, database: Database) -> None:
        """Do what goes on in the background once the service is ready; cancelled when it stops."""

    async def check(self) -> Check:
        """Say how it goes, at once."""
        return Check("ok")

    async def stop(self) -> None:
        """Let go of everything; also when start never ran or failed."""
