"""The Auth API: its contract, the guide's variables with their defaults, and what it refuses in production."""

import pytest
from sqlalchemy.exc import IntegrityError

from booksync_api_auth.service import SERVICE
from booksync_api_auth.settings import AuthSettings
from booksync_common.failures import ConfigurationError
from booksync_service_testing import processes
from booksync_service_testing.contract import ServiceContract
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import serve

ADDRESS = "postgresql+asyncpg://booksync_auth:auth_password@booksync-postgres:5432/booksync"
KEY = "f3b1c8" * 6


class TestAuth(ServiceContract):
    """The Auth API."""

    service = SERVICE
    port = 8000
    tables = frozenset({"users", "sessions", "credentials", "auth_events", "api_keys", "rate_limits", "deleted_users"})


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> AuthSettings:
    """Read an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return AuthSettings.load()


def test_defaults_are_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert (settings.host, settings.port, settings.is_debug) == ("0.0.0.0", 8000, False)  # noqa: S104
    assert (settings.jwt_algorithm, settings.jwt_expire_minutes, settings.bcrypt_rounds) == ("HS256", 0, 12)


def test_guides_command_starts_with_a_warning_for_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        DATABASE_URL=ADDRESS,
        JWT_SECRET_KEY="your-secret-key",
        MANGACOLLEC_CLIENT_ID="your-client-id",
        MANGACOLLEC_CLIENT_SECRET="your-client-secret",
    )
    assert [finding.variable for finding in settings.findings()] == [
        "JWT_SECRET_KEY",
        "MANGACOLLEC_CLIENT_ID",
        "MANGACOLLEC_CLIENT_SECRET",
    ]


@pytest.mark.parametrize("key", ["", "your-secret-key", "your-super-secret-jwt-key", "tooshort"])
def test_production_refuses_a_missing_sample_or_short_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY") as raised:
        load(monkeypatch, ENVIRONMENT="production", DATABASE_URL=ADDRESS, JWT_SECRET_KEY=key)
    assert not key or key not in str(raised.value)


def test_production_starts_without_mangacollec(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, ENVIRONMENT="production", DATABASE_URL=ADDRESS, JWT_SECRET_KEY=KEY)
    assert all(finding.variable.startswith("MANGACOLLEC_") for finding in settings.findings())


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_algorithm(monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    assert load(monkeypatch, JWT_ALGORITHM=algorithm).jwt_algorithm == algorithm


@pytest.mark.parametrize("algorithm", ["RS256", "none", "hs256"])
def test_other_algorithm_is_refused_by_name(algorithm: str) -> None:
    result = processes.run("auth", JWT_ALGORITHM=algorithm)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "JWT_ALGORITHM" in line
    assert algorithm in line
    assert "HS256, HS384 or HS512" in line


async def test_what_the_schema_refuses() -> None:
    async with make_database() as url, serve(SERVICE, AuthSettings.load(database_url=render(url))):
        user = "INSERT INTO auth.users (username, username_key, email, email_key) VALUES ('{}', '{}', {}, {})"
        await execute(url, user.format("Ana", "ana", "NULL", "NULL"), user.format("Bo", "bo", "'B@c'", "'b@c'"))
        for again in (
            user.format("ANA", "ana", "NULL", "NULL"),
            user.format("Bob", "bob", "'b@C'", "'b@c'"),
            user.format("Cy", "cy", "'c@d'", "NULL"),
            "UPDATE auth.users SET role = 'root'",
        ):
            with pytest.raises(IntegrityError):
                await execute(url, again)
        await execute(
            url,
            "INSERT INTO auth.sessions (user_id, refresh_hash, family_id)"
            " SELECT id, sha256('token'), gen_random_uuid() FROM auth.users WHERE username = 'Ana'",
            "DELETE FROM auth.users WHERE username = 'Ana'",
        )
        assert await execute(url, "SELECT count(*) FROM auth.sessions") == 0
