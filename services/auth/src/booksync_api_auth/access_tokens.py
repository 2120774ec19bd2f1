"""Access tokens: JSON Web Tokens with an HMAC, and the one place that knows python-jose.

python-jose takes what it should not: any HMAC where no algorithm is given, an empty key, a key that is JSON as a list
of keys, tokens without the claims that one asks it to compare, headers marked critical. And it refuses with exceptions
of many kinds. So the header is read before it sees a token, every claim is required, and whatever it raises is the same
answer.
"""

import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jose import ExpiredSignatureError, jwk, jwt

from booksync_api_auth.settings import Algorithm
from booksync_common.problems import ProblemError

ISSUER = "booksync-api-auth"
AUDIENCE = "booksync"
KIND = "access"

#: Bytes; ours have about 500.
MAX_LENGTH = 4096
#: Tokens whose claims are kept, as verifying them is a fifth of the work of a request.
CAPACITY = 1000

_HEADERS = frozenset({"alg", "typ", "kid"})
_OPTIONS = {
    **{f"require_{name}": True for name in ("aud", "iat", "iss", "jti", "sub")},
    # it is when the token was made, by the database's clock, which may be ahead of this one; so it is not required
    # either, as that would have it verified, too
    "verify_nbf": False,
}


class TokenError(Exception):
    """A token that is not ours, or not any more."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def as_problem(self) -> ProblemError:
        """Return the answer, as RFC 6750, section 3.1, has it."""
        return ProblemError(401, self.code, self.detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def invalid_token() -> TokenError:
    """Describe a token that was never ours."""
    return TokenError("token_invalid", "The token is not valid.")


def expired_token() -> TokenError:
    """Describe a token whose time is over."""
    return TokenError("token_expired", "The token has expired.")


def revoked_token() -> TokenError:
    """Describe a token whose session has ended."""
    return TokenError("token_revoked", "The session of this token has ended.")


@dataclass(frozen=True)
class Claims:
    """What an access token says."""

    user_id: UUID
    session_id: UUID
    token_id: UUID
    issued_at: datetime
    expires_at: datetime | None


class AccessTokens:
    """Sign and read access tokens with one key and one algorithm."""

    def __init__(self, secret: bytes, algorithm: Algorithm, *, expiring: bool) -> None:
        """Take the key.

        :param expiring: whether tokens expire; then one that does not is refused, as it was made before they did.
        :raises ValueError: it is empty.
        """
        if not secret:
            message = "an empty key signs nothing"
            raise ValueError(message)
        self._algorithm = algorithm
        self._expiring = expiring
        # what a good token says never changes, and a household has a few that come all the time
        self._read: OrderedDict[str, Claims] = OrderedDict()
        # an object: as text, python-jose would take a key that happens to be JSON apart
        self._key = jwk.construct(secret, algorithm)

    def sign(self, claims: Claims) -> str:
        """Make the token; the same claims make the same token."""
        content: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "jti": str(claims.token_id),
            "iat": int(claims.issued_at.timestamp()),
            "nbf": int(claims.issued_at.timestamp()),
            "typ": KIND,
        }
        if claims.expires_at is not None:
            content["exp"] = int(claims.expires_at.timestamp())
        token: str = jwt.encode(content, self._key, algorithm=self._algorithm)
        return token

    def read(self, token: str) -> Claims:
        """Check a token's signature, time and claims. Whether its session goes on, the database knows.

        :raises TokenError: token_invalid or token_expired.
        """
        claims = self._read.get(token)
        if claims is None:
            claims = self._verify(token)
            self._read[token] = claims
            if len(self._read) > CAPACITY:
                self._read.popitem(last=False)
        elif claims.expires_at is not None and claims.expires_at <= datetime.now(UTC):
            raise expired_token()
        return claims

    def _verify(self, token: str) -> Claims:
        self._check_header(token)
        try:
            content = jwt.decode(
                token, self._key, algorithms=[self._algorithm], audience=AUDIENCE, issuer=ISSUER, options=_OPTIONS
            )
            claims = _parse(content)
        except ExpiredSignatureError:
            raise expired_token() from None
        except Exception:  # noqa: BLE001 - TypeError, OverflowError, RecursionError, AttributeError and others
            raise invalid_token() from None
        if self._expiring and claims.expires_at is None:
            raise expired_token()
        return claims

    def _check_header(self, token: str) -> None:
        if len(token) > MAX_LENGTH or token.count(".") != 2 or not token.isascii():
            raise invalid_token()
        header = _read_header(token.partition(".")[0])
        if header.get("alg") != self._algorithm or not header.keys() <= _HEADERS:
            raise invalid_token()


def _read_header(segment: str) -> Mapping[str, object]:
    try:
        header = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise invalid_token() from None
    if not isinstance(header, dict):
        raise invalid_token()
    return header


def _parse(content: Mapping[str, Any]) -> Claims:
    """Take the claims over.

    :raises Exception: of any kind, where one is of a wrong type.
    """
    if content["typ"] != KIND or not isinstance(content["nbf"], int):
        raise invalid_token()
    expiry = content.get("exp")
    return Claims(
        user_id=UUID(content["sub"]),
        session_id=UUID(content["sid"]),
        token_id=UUID(content["jti"]),
        issued_at=datetime.fromtimestamp(content["iat"], UTC),
        expires_at=None if expiry is None else datetime.fromtimestamp(expiry, UTC),
    )
