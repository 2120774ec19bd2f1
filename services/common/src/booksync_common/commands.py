"""Commands that a service has beside `serve` and `migrate`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from booksync_common.database import Database
from booksync_common.settings import ServiceSettings


@dataclass(frozen=True)
class Command[Settings: ServiceSettings]:
    """One command of a service's command line."""

    summary: str
    run: Callable[[Settings, Database], Awaitable[None]]
