"""Refresh tokens: which comes after which, without keeping any.

Problem: a client whose connection breaks while it refreshes asks again with the old token and must get what the first
answer had, from whichever replica; yet the server stores hashes only. Choice: a token is its session's family, a random
id that nothing else shows, and a secret. The first secret is random; the one after it is an HMAC of the family and of
how often it was rotated, so that it can be computed again. Rejected: to store the successor encrypted, which would be a
token at rest; and a table of all hashes ever used to notice an old token by, since whoever knows the family and has a
wrong secret can only have an old token.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from uuid import UUID

SECRET_BYTES = 32
_FAMILY_BYTES = 16
_LENGTH = 64  # of both in Base64, which divides without padding


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token, taken apart."""

    family_id: UUID = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The token as clients have it."""
        return base64.urlsafe_b64encode(self.family_id.bytes + self.secret).decode()

    @property
    def digest(self) -> bytes:
        """The SHA-256 that is stored of it."""
        return hashlib.sha256(self.text.encode()).digest()


def parse_refresh_token(text: str) -> RefreshToken | None:
    """Take a token apart; None when it never was one."""
    if len(text) != _LENGTH or not text.isascii():
        return None
    try:
        content = base64.b64decode(text, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(content) != _FAMILY_BYTES + SECRET_BYTES:
        return None
    return RefreshToken(UUID(bytes=content[:_FAMILY_BYTES]), content[_FAMILY_BYTES:])


class RefreshTokens:
    """Make refresh tokens with the server's key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, family_id: UUID) -> RefreshToken:
        """Make the token of a new session: 256 random bits."""
        return RefreshToken(family_id, secrets.token_bytes(SECRET_BYTES))

    def successor(self, family_id: UUID, generation: int) -> RefreshToken:
        """Compute the token that a family has after so many rotations."""
        return RefreshToken(family_id, self._derive(b"refresh", family_id, generation))

    def token_id(self, family_id: UUID, generation: int) -> UUID:
        """Compute the id of the access token that comes with it."""
        return UUID(bytes=self._derive(b"access", family_id, generation)[:16], version=4)

    def _derive(self, label: bytes, family_id: UUID, generation: int) -> bytes:
        content = b"\0".join((label, family_id.bytes, str(generation).encode()))
        return hmac.digest(self._key, content, "sha256")
