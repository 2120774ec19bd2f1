"""Fixtures: those that the tests of all services share, a household, and a Mangacollec."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL

pytest.register_assert_rewrite("booksync_service_testing", "booksync_auth_testing")

from booksync_auth_testing.household import Household, clear, live_in  # noqa: E402 - see above
from booksync_auth_testing.mangacollec import ACCOUNT, Mangacollec, run_mangacollec  # noqa: E402
from booksync_service_testing.fixtures import _empty_environment, database_url, server_url  # noqa: E402

__all__ = ["_empty_environment", "database_url", "server_url"]


@pytest_asyncio.fixture(scope="session")
async def _standing(database_url: URL) -> AsyncIterator[Household]:
    """Run one Auth API for all tests that need no other settings; the guide's, so its tokens never expire."""
    async with live_in(database_url) as household:
        yield household


@pytest_asyncio.fixture
async def house(_standing: Household) -> Household:
    """Return the Auth API with nobody in it."""
    await clear(_standing.url)
    return _standing


@pytest_asyncio.fixture
async def empty_url(_standing: Household) -> URL:
    """Return a database, migrated and with nobody in it, for an Auth API with settings of its own."""
    await clear(_standing.url)
    return _standing.url


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Mangacollec]:
    """Run a Mangacollec in which Léa has an account."""
    async with run_mangacollec() as running:
        running.add(**ACCOUNT)
        yield running


@pytest_asyncio.fixture
async def linked(empty_url: URL, site: Mangacollec) -> AsyncIterator[Household]:
    """Run an Auth API that knows Mangacollec, with nobody in it."""
    async with live_in(empty_url, **site.settings) as household:
        yield household
