"""Settings: both names of a variable, production's refusals in one line, and no value in any message."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from booksync_common.failures import ConfigurationError
from booksync_common.settings import Finding, ServiceSettings, check_key

ADDRESS = "postgresql+asyncpg://user:hunter2hunter2@host:5432/booksync"


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ServiceSettings:
    """Read an environment."""
    for name, value in {"PORT": "8000", **variables}.items():
        monkeypatch.setenv(name, value)
    return ServiceSettings.load()


@pytest.mark.parametrize("name", ["APP_ENV", "ENVIRONMENT"])
@pytest.mark.parametrize("value", ["production", "Production", "prod"])
def test_production_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert load(monkeypatch, DATABASE_URL=ADDRESS, **{name: value}).is_production


def test_production_wins_where_the_names_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DATABASE_URL=ADDRESS, APP_ENV="development", ENVIRONMENT="production")
    assert settings.is_production


@pytest.mark.parametrize("name", ["APP_DEBUG", "DEBUG"])
def test_debug_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert load(monkeypatch, **{name: "true"}).is_debug


def test_debug_is_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load(monkeypatch).is_debug


def test_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DATABASE_URL="", ENVIRONMENT="")
    assert settings.database is None
    assert not settings.is_production


def test_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^ENVIRONMENT: unknown"):
        load(monkeypatch, ENVIRONMENT="prodution")


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgresql", "postgres"])
def test_driver_is_asyncpg_whatever_the_address_says(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = load(monkeypatch, DATABASE_URL=f"{scheme}://user:password@host/booksync")
    assert settings.database is not None
    assert settings.database.drivername == "postgresql+asyncpg"
    assert settings.database.password == "password"


@pytest.mark.parametrize(("given", "ssl"), [("?sslmode=require", "require"), ("?ssl=verify-full", "verify-full")])
def test_tls_has_two_names(monkeypatch: pytest.MonkeyPatch, given: str, ssl: str) -> None:
    settings = load(monkeypatch, DATABASE_URL=ADDRESS + given)
    assert settings.database is not None
    assert settings.database.query == {"ssl": ssl}


def test_cache_of_statements_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DATABASE_URL=f"{ADDRESS}?statement_cache_size=0&prepared_statement_cache_size=0")
    assert settings.database is not None
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL: .*statement_cache_size, which is no number"):
        load(monkeypatch, DATABASE_URL=f"{ADDRESS}?statement_cache_size=none")


def test_parameter_that_the_driver_would_stumble_over_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL: .*does not know: channel_binding"):
        load(monkeypatch, DATABASE_URL=f"{ADDRESS}?channel_binding=require")


@pytest.mark.parametrize(
    "address",
    [
        "mysql://user:hunter2hunter2@host/booksync",
        "hunter2hunter2",
        "postgresql://user:hunter2hunter2@host:port/booksync",
        "postgresql://user:hunter2hunter2@host",
    ],
)
def test_wrong_address_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL") as raised:
        load(monkeypatch, DATABASE_URL=address)
    assert "hunter2" not in str(raised.value)


def test_password_is_not_in_the_settings_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(load(monkeypatch, DATABASE_URL=ADDRESS))


def test_each_wrong_variable_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(monkeypatch, PORT="99999", APP_DEBUG="perhaps")
    assert "PORT" in str(raised.value)
    assert "APP_DEBUG" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_production_needs_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
        load(monkeypatch, ENVIRONMENT="production")


def find(key: str | None) -> list[Finding]:
    """Judge a key."""
    secret = None if key is None else SecretStr(key)
    return list(check_key("KEY", secret, missing="nothing works", required=True))


@pytest.mark.parametrize(
    "key",
    [
        None,
        "your-secret-key",
        "your-super-secret-jwt-key",
        "your-very-long-secret-key-for-production",
        "change-me-change-me-change-me-change-me",
        "k" * 31,
    ],
)
def test_key_that_production_refuses(key: str | None) -> None:
    (finding,) = find(key)
    assert finding.refused
    assert key is None or key not in str(finding)


@pytest.mark.parametrize("key", ["f3b1c8" * 5 + "é", "a-kT9vQ2rXw7LmZs4HcYb8NfJd3GpEu6W1oRi5xVtKq0"])
def test_random_key_of_32_bytes_is_enough(key: str) -> None:
    assert find(key) == []


def load_password(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str | None:
    """Read the database's password from an environment whose address has none."""
    address = "postgresql+asyncpg://user@host:5432/booksync"
    settings = load(monkeypatch, **{"DATABASE_URL": address, **variables})
    assert settings.database is not None
    return settings.database.password


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str) -> None:
    (tmp_path / "password").write_text(f"hunter2 é@:/{end}", encoding="utf-8", newline="")
    assert load_password(monkeypatch, DATABASE_PASSWORD_FILE=str(tmp_path / "password")) == "hunter2 é@:/"


def test_empty_secret_file_is_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    assert load_password(monkeypatch, DATABASE_PASSWORD_FILE=str(tmp_path / "password")) is None


def test_address_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "address").write_text(ADDRESS)
    settings = load(monkeypatch, DATABASE_URL_FILE=str(tmp_path / "address"))
    assert settings.database is not None
    assert settings.database.password == "hunter2hunter2"


def test_secret_in_the_environment_and_in_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    with pytest.raises(ConfigurationError, match=r"^DATABASE_PASSWORD: DATABASE_PASSWORD_FILE is set as well"):
        load_password(monkeypatch, DATABASE_PASSWORD="hunter2", DATABASE_PASSWORD_FILE=str(tmp_path / "password"))


def test_password_in_the_address_and_beside_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_PASSWORD: DATABASE_URL has a password"):
        load(monkeypatch, DATABASE_URL=ADDRESS, DATABASE_PASSWORD="other")


def test_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path, reason in ((tmp_path / "absent", "No such file"), (tmp_path, "directory"), (tmp_path / "bytes", "UTF-8")):
        with pytest.raises(ConfigurationError, match=rf"^DATABASE_PASSWORD_FILE: .*{reason}"):
            load_password(monkeypatch, DATABASE_PASSWORD_FILE=str(path))


def test_what_is_no_secret_has_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("production")
    assert not load(monkeypatch, ENVIRONMENT_FILE=str(tmp_path / "environment")).is_production
