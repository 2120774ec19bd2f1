"""Fixtures that the tests of all services share."""

import pytest

pytest.register_assert_rewrite("booksync_service_testing")

from booksync_service_testing.fixtures import _empty_environment, auth, database_url, server_url  # noqa: E402 - see above

__all__ = ["_empty_environment", "auth", "database_url", "server_url"]
