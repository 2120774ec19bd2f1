"""What a service is: the differences between auth, data and prediction, as data."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from sqlalchemy import MetaData

from booksync_common import __version__
from booksync_common.database import Database
from booksync_common.migrations import Migrations
from booksync_common.parts import Part
from booksync_common.program import Program
from booksync_common.settings import ServiceSettings


def _no_parts(_settings: ServiceSettings) -> Sequence[Part]:
    return ()


def _no_options(_settings: ServiceSettings) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Service[Settings: ServiceSettings]:
    """A service of BookSync."""

    program: Program
    title: str
    settings: type[Settings]
    metadata: MetaData
    version: str = __version__
    routers: Sequence[APIRouter] = ()
    max_body: int = 1024**2  # bytes of a request
    large_bodies: Mapping[tuple[str, str], float] = field(default_factory=dict)  # bytes, by method and path
    server_settings: Mapping[str, str] = field(default_factory=dict)  # PostgreSQL's, for each connection
    parts: Callable[[Settings], Sequence[Part]] = _no_parts
    migration_options: Callable[[Settings], Mapping[str, object]] = _no_options
    commands: Mapping[str, Callable[[Settings, Database], Awaitable[None]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name, which is also that of its schema: auth."""
        return self.program.name

    @property
    def distribution(self) -> str:
        """The name of the package, the command and the image."""
        return self.program.distribution

    def migrations(self, settings: Settings) -> Migrations:
        """Return the migrations of the service's schema."""
        return Migrations(
            package=self.program.package,
            schema=self.name,
            metadata=self.metadata,
            options=self.migration_options(settings),
        )
