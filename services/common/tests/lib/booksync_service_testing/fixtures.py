"""Fixtures for a conftest.py to import."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL

from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth
from booksync_service_testing.server import execute, load_server, make_database

# a builder may stand still for a moment, and what is red should be red again
settings.register_profile(
    "booksync", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("booksync")

#: Of variables that a service reads; not BOOKSYNC_MODELS, where the image has its model.
NAMES = frozenset(
    {"HOST", "PORT", "DEBUG", "ENVIRONMENT", "AUTO_MIGRATE", "BCRYPT_ROUNDS", "DEVICE", "SIMILARITY_THRESHOLD"}
)
PREFIXES = ("APP_", "AUTH_", "DATABASE_", "JWT_", "MANGACOLLEC_", "EMBEDDING_", "VECTOR_")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the variables of the person, or of the image, that runs the tests."""
    for name in os.environ:
        if name in NAMES or name.startswith(PREFIXES):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server_url() -> URL:
    """Return the address of the server."""
    return load_server()


@pytest_asyncio.fixture(scope="session")
async def database_url(server_url: URL) -> AsyncIterator[URL]:
    """Make a database for the session; the first test that needs its tables migrates it."""
    del server_url
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        yield url


@pytest_asyncio.fixture
async def auth() -> AsyncIterator[FakeAuth]:
    """Serve an Auth API that knows nobody yet."""
    async with run_fake_auth() as fake:
        yield fake
