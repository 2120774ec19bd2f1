"""Every key of the service, derived from what the operator has set."""

from typing import Annotated

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Depends, Request

from booksync_api_auth.access_tokens import AccessTokens
from booksync_api_auth.refresh_tokens import RefreshTokens
from booksync_api_auth.settings import AuthSettings
from booksync_common.parts import Check, Part
from booksync_common.problems import ProblemError


def derive(secret: bytes, label: str) -> bytes:
    """Derive a 256-bit key for one purpose (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"booksync {label}".encode()).derive(secret)


class Keys(Part):
    """The keys that sign tokens; without JWT_SECRET_KEY there are none, and what needs them answers 503."""

    name = "keys"

    def __init__(self, settings: AuthSettings) -> None:
        self._access: AccessTokens | None = None
        self._refresh: RefreshTokens | None = None
        if settings.jwt_secret_key is not None:
            secret = settings.jwt_secret_key.get_secret_value().encode()
            self._access = AccessTokens(secret, settings.jwt_algorithm, expiring=settings.jwt_expire_minutes > 0)
            self._refresh = RefreshTokens(derive(secret, "refresh tokens"))

    @property
    def access(self) -> AccessTokens:
        """Access tokens.

        :raises ProblemError: 503, when there is no key.
        """
        if self._access is None:
            raise _missing()
        return self._access

    @property
    def refresh(self) -> RefreshTokens:
        """Refresh tokens.

        :raises ProblemError: 503, when there is no key.
        """
        if self._refresh is None:
            raise _missing()
        return self._refresh

    async def check(self) -> Check:
        """Say whether anybody can sign in; not a failure, as the operator may mean it."""
        return Check("ok", None if self._access else "JWT_SECRET_KEY is not set")


def _missing() -> ProblemError:
    return ProblemError(503, "signing_key_missing", "Nobody can sign in: JWT_SECRET_KEY is not set.")


async def get_keys(request: Request) -> Keys:
    """Give a request the keys."""
    keys: Keys = request.app.state.parts[Keys.name]
    return keys


KeysOf = Annotated[Keys, Depends(get_keys)]
