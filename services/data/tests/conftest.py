"""Fixtures that the tests of all services share, and the running service."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

pytest.register_assert_rewrite("booksync_service_testing", "booksync_data_testing")

from booksync_data_testing.api import Api, empty, run_api  # noqa: E402 - see above
from booksync_service_testing.fixtures import _empty_environment, auth, database_url, server_url  # noqa: E402
from booksync_service_testing.server import make_database  # noqa: E402

__all__ = ["_empty_environment", "auth", "database_url", "server_url"]


@pytest_asyncio.fixture(scope="session")
async def data_url(server_url: URL) -> AsyncIterator[URL]:
    """Make the database of the running service."""
    del server_url
    async with make_database() as url:
        yield url


@pytest_asyncio.fixture(scope="session")
async def running_api(data_url: URL) -> AsyncIterator[Api]:
    """Serve the Data API for the session."""
    async with run_api(data_url) as api:
        yield api


@pytest_asyncio.fixture
async def api(running_api: Api) -> Api:
    """Return the service, without a row."""
    await empty(running_api.url)
    return running_api
