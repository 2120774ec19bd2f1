"""The Data API: its contract, the guide's variables with their defaults, and what its schema refuses."""

import pytest
from sqlalchemy.exc import DBAPIError

from booksync_api_data.service import SERVICE
from booksync_api_data.settings import DataSettings
from booksync_common.failures import ConfigurationError
from booksync_service_testing.contract import ServiceContract
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import serve

ADDRESS = "postgresql+asyncpg://booksync_data:data_password@booksync-postgres:5432/booksync"


class TestData(ServiceContract):
    """The Data API."""

    service = SERVICE
    port = 8001
    tables = frozenset({"volume_extra", "user_volume", "idempotency_keys"})


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> DataSettings:
    """Read an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return DataSettings.load()


def test_defaults_are_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert (settings.port, settings.is_debug, settings.is_production) == (8001, True, False)


@pytest.mark.parametrize("name", ["APP_DEBUG", "DEBUG"])
def test_debug_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert not load(monkeypatch, **{name: "false"}).is_debug


@pytest.mark.parametrize("environment", ["development", "production"])
def test_starts_without_a_secret_key_and_says_so(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    settings = load(monkeypatch, APP_ENV=environment, DATABASE_URL=ADDRESS)
    assert [finding.variable for finding in settings.findings()] == ["APP_SECRET_KEY"]


@pytest.mark.parametrize("key", ["your-app-secret-key", "tooshort"])
def test_production_refuses_a_sample_or_short_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(ConfigurationError, match="APP_SECRET_KEY"):
        load(monkeypatch, APP_ENV="production", DATABASE_URL=ADDRESS, APP_SECRET_KEY=key)


@pytest.mark.parametrize(
    "values",
    [
        "rating = 11",
        "rating = -1",
        "notes = repeat('é', 5001)",
        "currency = 'eur'",
        "price_cents = -1",
        "version = 0",
    ],
)
async def test_what_the_schema_refuses(values: str) -> None:
    async with make_database() as url, serve(SERVICE, DataSettings.load(database_url=render(url))):
        await execute(
            url,
            "INSERT INTO data.user_volume (user_id, volume_id, notes, rating, currency, price_cents)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), repeat('é', 5000), 10, 'EUR', 0)",
        )
        with pytest.raises(DBAPIError, match="check constraint"):
            await execute(url, f"UPDATE data.user_volume SET {values}")
