"""What a service's command line is, before anything of the service is imported: that takes a small machine seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Where a service listens that is told nothing: a container is reached from outside; the guide's default.
HOST = "0.0.0.0"  # noqa: S104

#: Of Uvicorn's: what reads requests.
PROTOCOL = "booksync_common.heads:HeadLimitProtocol"

#: Seconds that requests in flight are given at SIGTERM; Docker kills after 10.
DRAIN = 8


@dataclass(frozen=True, kw_only=True)
class Program:
    """A service, as its command line presents it.

    :param port: where it listens that is told nothing
    :param commands: summaries of what it has beside `serve` and `migrate`, by name
    """

    name: str  # auth: also its schema
    description: str
    port: int
    commands: Mapping[str, str] = field(default_factory=dict)

    @property
    def distribution(self) -> str:
        """The name of the package, the command and the image."""
        return f"booksync-api-{self.name}"

    @property
    def package(self) -> str:
        """The name to import."""
        return f"booksync_api_{self.name}"

    @property
    def usage(self) -> str:
        """The help."""
        example = f"{self.distribution} uvicorn {self.package}.main:app"
        rows = [
            ("[serve]", "serve on HOST:PORT"),
            (
                "migrate [--check|--sql]",
                "bring the schema to its newest version; --check only says whether it is, --sql only prints the SQL",
            ),
            *self.commands.items(),
            ("--help", "this text"),
            (
                "COMMAND [ARGUMENT...]",
                f"run another command, as in `{example}`",
            ),
        ]
        width = max(len(left) for left, _ in rows)
        lines = [f"usage: {self.distribution} ...", "", self.description, ""]
        return "\n".join([*lines, *(f"  {left:{width}}  {right}" for left, right in rows)])
