"""Every key of the service, derived from what the operator has set."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_auth.access_tokens import AccessTokens
from booksync_api_auth.derivation import derive
from booksync_api_auth.mangacollec.rotation import rotate
from booksync_api_auth.refresh_tokens import RefreshTokens
from booksync_api_auth.settings import AuthSettings
from booksync_api_auth.vault import Vault
from booksync_common.parts import Check, Part
from booksync_common.problems import ProblemError


class Keys(Part):
    """The keys that sign tokens; without JWT_SECRET_KEY there are none, and what needs them answers 503."""

    name = "keys"

    def __init__(self, settings: AuthSettings) -> None:
        """Derive them."""
        self._access: AccessTokens | None = None
        self._refresh: RefreshTokens | None = None
        if settings.jwt_secret_key is not None:
            secret = settings.jwt_secret_key.get_secret_value().encode()
            self._access = AccessTokens(secret, settings.jwt_algorithm, expiring=settings.jwt_expire_minutes > 0)
            self._refresh = RefreshTokens(derive(secret, "refresh tokens"))
        secrets = list(_list_secrets(settings))
        self._vault = Vault(secrets) if secrets else None

    @property
    def access(self) -> AccessTokens:
        """Access tokens.

        :raises ProblemError: 503, when there is no key.
        """
        return _require(self._access)

    @property
    def refresh(self) -> RefreshTokens:
        """Refresh tokens.

        :raises ProblemError: 503, when there is no key.
        """
        return _require(self._refresh)

    @property
    def vault(self) -> Vault:
        """What is kept for profiles.

        :raises ProblemError: 503, when there is no key.
        """
        return _require(self._vault)

    async def verify(self, connection: AsyncConnection) -> None:
        """Encrypt anew what an older key has closed."""
        if self._vault is not None:
            await rotate(connection, self._vault)

    async def check(self) -> Check:
        """Say whether anybody can sign in; not a failure, as the operator may mean it."""
        return Check("ok", None if self._access else "JWT_SECRET_KEY is not set")


def _list_secrets(settings: AuthSettings) -> Iterator[bytes]:
    """Yield what credentials may be encrypted with; JWT_SECRET_KEY is last, for those of before CREDENTIALS_KEY."""
    for key in settings.credentials_keys:
        yield key.get_secret_value().encode()
    if settings.jwt_secret_key is not None:
        yield settings.jwt_secret_key.get_secret_value().encode()


def _require[T](key: T | None) -> T:
    if key is None:
        raise ProblemError(503, "signing_key_missing", "Nobody can sign in: JWT_SECRET_KEY is not set.")
    return key


def get_keys(request: Request) -> Keys:
    """Return the service's keys."""
    keys: Keys = request.app.state.parts[Keys.name]
    return keys


async def give_keys(request: Request) -> Keys:
    """Give a request the keys."""
    return get_keys(request)


KeysOf = Annotated[Keys, Depends(give_keys)]
