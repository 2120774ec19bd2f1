"""What the operator of the Auth API decides."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BeforeValidator, Field, HttpUrl, SecretStr

from booksync_api_auth.program import PROGRAM
from booksync_common.settings import Finding, ServiceSettings, check_key, is_sample

Algorithm = Literal["HS256", "HS384", "HS512"]


def _check_algorithm(value: object) -> object:
    """Only HMAC: there is one key, and python-jose would take others without a word."""
    if value not in {"HS256", "HS384", "HS512"}:
        message = f"{str(value)[:32]!r} is not supported; use HS256, HS384 or HS512"
        raise ValueError(message)
    return value


class AuthSettings(ServiceSettings):
    """The guide's table of variables, and what every service has."""

    port: int = Field(default=PROGRAM.port, ge=1, le=65535)
    jwt_secret_key: SecretStr | None = None
    jwt_algorithm: Annotated[Algorithm, BeforeValidator(_check_algorithm)] = "HS256"
    jwt_expire_minutes: int = Field(default=0, ge=0, le=5_256_000)  # 0: never
    refresh_expire_days: int = Field(default=90, ge=0, le=3650)  # without use; 0, or JWT_EXPIRE_MINUTES=0: never
    registration: Literal["open", "closed"] = "closed"  # may anybody make a profile, once there is one
    profile_picker: bool = True  # names and avatars are shown before sign-in
    credentials_key: SecretStr | None = None  # newest first, separated by commas; else JWT_SECRET_KEY serves
    mangacollec_base_url: HttpUrl = HttpUrl("https://api.mangacollec.com")
    mangacollec_token_path: str = Field(default="/oauth/token", pattern="^/")
    mangacollec_client_id: str | None = None
    mangacollec_client_secret: SecretStr | None = None
    mangacollec_store_password: bool = False  # to sign in again where a link has ended
    bcrypt_rounds: int = Field(default=12, ge=4, le=31)

    @property
    def credentials_keys(self) -> Sequence[SecretStr]:
        """What is kept for profiles is encrypted with the first of these, and may have been with the others."""
        if self.credentials_key is None:
            return ()
        parts = (part.strip() for part in self.credentials_key.get_secret_value().split(","))
        return [SecretStr(part) for part in parts if part]

    @property
    def mangacollec_client(self) -> tuple[str, SecretStr] | None:
        """How Mangacollec knows us: id and secret; None without, or with those of the documentation."""
        identity, secret = self.mangacollec_client_id, self.mangacollec_client_secret
        if not identity or secret is None or is_sample(SecretStr(identity)) or is_sample(secret):
            return None
        return identity, secret

    def findings(self) -> Iterator[Finding]:
        """Yield what is missing or unsafe."""
        yield from super().findings()
        yield from check_key(
            "JWT_SECRET_KEY", self.jwt_secret_key, missing="what needs a token answers 503", required=True
        )
        for key in self.credentials_keys:
            yield from check_key("CREDENTIALS_KEY", key, missing="", required=False)
        for variable, value in (
            ("MANGACOLLEC_CLIENT_ID", self.mangacollec_client_id and SecretStr(self.mangacollec_client_id)),
            ("MANGACOLLEC_CLIENT_SECRET", self.mangacollec_client_secret),
        ):
            if not value:
                yield Finding(variable, "is not set", "what needs Mangacollec answers 503")
            elif is_sample(value):
                yield Finding(variable, "is a sample", "what needs Mangacollec answers 503")


async def get_settings(request: Request) -> AuthSettings:
    """Give a request the settings."""
    settings: AuthSettings = request.app.state.settings
    return settings


SettingsOf = Annotated[AuthSettings, Depends(get_settings)]
