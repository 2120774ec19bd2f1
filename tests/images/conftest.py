"""The image under test: BOOKSYNC_IMAGE of BOOKSYNC_IMAGES for BOOKSYNC_ARCH, unpacked once a run."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from booksync_testing.contract import EXPECTED, Expected
from booksync_testing.layer import Layer, load_layer
from booksync_testing.layout import Descriptor, Image, Json, Layout
from booksync_testing.postgres import Server, start_postgres
from booksync_testing.sandbox import Process, Sandbox, load_tools
from booksync_testing.service import unpack
from booksync_testing.web import LOOPBACK, free_port, wait_for_status

DATABASE_IMAGE = "booksync-postgres"
READY_SECONDS = 60


def _setting(name: str) -> str:
    if name not in os.environ:
        pytest.fail(f"{name} is not set; tests/lib/booksync_testing/__init__.py says what it is", pytrace=False)
    return os.environ[name]


@pytest.fixture(scope="session")
def images() -> Path:
    """Return the folder with a layout for each image, and digests.json."""
    return Path(_setting("BOOKSYNC_IMAGES")).resolve()


@pytest.fixture(scope="session")
def layout(images: Path) -> Layout:
    return Layout(images / _setting("BOOKSYNC_IMAGE"))


@pytest.fixture(scope="session")
def digests(images: Path) -> Json:
    """Return digests.json: image name -> what was built."""
    value: Json = json.loads((images / "digests.json").read_text())
    return value


@pytest.fixture(scope="session")
def architecture() -> str:
    return _setting("BOOKSYNC_ARCH")


@pytest.fixture(scope="session")
def image(layout: Layout, architecture: str) -> Image:
    return layout.image(architecture)


@pytest.fixture(scope="session")
def expected(layout: Layout) -> Expected:
    return EXPECTED[layout.path.name]


@pytest.fixture(scope="session")
def read_layer(layout: Layout) -> Callable[[Descriptor], Layer]:
    """Return a reader of the layout's layers that reads each blob once."""
    known: dict[str, Layer] = {}

    def read(descriptor: Descriptor) -> Layer:
        if descriptor.digest not in known:
            known[descriptor.digest] = load_layer(layout, descriptor)
        return known[descriptor.digest]

    return read


@pytest.fixture(scope="session")
def layers(image: Image, read_layer: Callable[[Descriptor], Layer]) -> list[Layer]:
    """Return the image's layers, lowest first."""
    return [read_layer(descriptor) for descriptor in image.layers]


@pytest.fixture(scope="session")
def roots() -> Iterator[Path]:
    """Return a folder for unpacked images."""
    directory = Path(tempfile.mkdtemp(prefix="roots-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def sandbox(images: Path, layout: Layout, architecture: str, roots: Path) -> Sandbox:
    """Return the means to run the image under test."""
    return unpack(load_tools(), images=images, name=layout.path.name, architecture=architecture, directory=roots)


@pytest.fixture(scope="session")
def database(images: Path, architecture: str, roots: Path) -> Iterator[Server]:
    """Start the database image as the guide's `docker run` does."""
    database_sandbox = unpack(
        load_tools(), images=images, name=DATABASE_IMAGE, architecture=architecture, directory=roots
    )
    environment = {"POSTGRES_DB": "booksync"}
    with start_postgres(database_sandbox, user="booksync", password="password", environment=environment) as server:
        yield server


@pytest.fixture(scope="session")
def service(expected: Expected) -> str:
    """Return auth, data or prediction."""
    return expected.entrypoint.rpartition("booksync-api-")[2]


@pytest.fixture(scope="session")
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def environment(service: str, database: Server, port: int) -> dict[str, str]:
    """Return the variables of the guide's `docker run`, with its sample password."""
    role = f"booksync_{service}:{service}_password"
    return {
        "DATABASE_URL": f"postgresql+asyncpg://{role}@{LOOPBACK}:{database.port}/booksync",
        "HOST": LOOPBACK,
        "PORT": str(port),
    }


@contextmanager
def start_api(sandbox: Sandbox, environment: Mapping[str, str], port: int) -> Iterator[Process]:
    """Start an API image without a command, and wait until it is ready."""
    with sandbox.start(environment={**environment, "PORT": str(port)}) as process:
        wait_for_status(process, port, "/health/ready", status=200, timeout=READY_SECONDS)
        yield process


@pytest.fixture(scope="session")
def api(sandbox: Sandbox, environment: dict[str, str], port: int) -> Iterator[Process]:
    """Start the one that all tests may ask, and none may end."""
    with start_api(sandbox, environment, port) as process:
        yield process


@pytest.fixture
def own_api(sandbox: Sandbox, environment: dict[str, str]) -> Iterator[Process]:
    """Start one that the test may end."""
    with start_api(sandbox, environment, free_port()) as process:
        yield process
