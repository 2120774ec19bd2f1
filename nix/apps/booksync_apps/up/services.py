"""What the stack consists of: what each service is given, and how it is asked whether it is ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from booksync_apps.image import Image
from booksync_apps.up.settings import Settings

LOOPBACK = "127.0.0.1"
DATABASE = "postgres"
APIS = ("auth", "data", "prediction")

#: In the order in which they are started; they are ended the other way round.
NAMES = (DATABASE, *APIS)

#: Seconds that each is given to end: the APIs finish what they answer (8 s), the database writes its checkpoint.
API_LIMIT_S = 12.0
DATABASE_LIMIT_S = 60.0


@dataclass(frozen=True)
class Service:
    """One member of the stack.

    :param port: on the loopback
    :param variables, binds, arguments: as of build_words
    :param limit: seconds that it is given to end
    """

    name: str
    image: Image
    port: int
    variables: Mapping[str, str]
    binds: Mapping[str, Path]
    arguments: Sequence[str]
    limit: float


def address_of(name: str, port: int) -> str:
    """Return where people find a service."""
    if name == DATABASE:
        return f"postgresql://booksync@{LOOPBACK}:{port}/booksync"
    return f"http://{LOOPBACK}:{port}/docs"


def default_port(image: Image) -> int:
    """Return the port that an image listens on by itself."""
    return int(image.environment.get("PORT", "5432"))


def plan(images: Mapping[str, Image], *, ports: Mapping[str, int], settings: Settings, data: Path) -> list[Service]:
    """Return the services, in the order in which they are started.

    :param data: the database's folder
    """
    database = Service(
        name=DATABASE,
        image=images[DATABASE],
        port=ports[DATABASE],
        variables={"POSTGRES_USER": "booksync", "POSTGRES_DB": "booksync", **settings.pick("POSTGRES_", "DB_")},
        binds={images[DATABASE].environment["PGDATA"]: data},
        arguments=["-c", f"port={ports[DATABASE]}", "-c", f"listen_addresses={LOOPBACK}"],
        limit=DATABASE_LIMIT_S,
    )
    return [database, *(plan_api(name, images[name], ports=ports, settings=settings) for name in APIS)]


def plan_api(name: str, image: Image, *, ports: Mapping[str, int], settings: Settings) -> Service:
    """Return one of the APIs."""
    password = settings.generated[f"DB_{name.upper()}_PASSWORD"]
    own = {
        "DATABASE_URL": f"postgresql+asyncpg://booksync_{name}:{password}@{LOOPBACK}:{ports[DATABASE]}/booksync",
        "HOST": LOOPBACK,
        "PORT": str(ports[name]),
    }
    if name == "auth":
        own |= settings.pick("JWT_")
    else:
        own |= {"AUTH_API_URL": f"http://{LOOPBACK}:{ports['auth']}", **settings.pick("APP_")}
    return Service(
        name=name,
        image=image,
        port=ports[name],
        # refuses what is no secret; its other rules cost nothing here
        variables={"ENVIRONMENT": "production", "APP_DEBUG": "false", **settings.own, **own},
        binds={},
        arguments=[],
        limit=API_LIMIT_S,
    )
