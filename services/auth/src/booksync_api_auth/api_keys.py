"""Keys of programs: 256 random bits, so a plain hash is enough to keep them by."""

import hashlib
import secrets

PREFIX = "bsk_"
_BYTES = 32
#: Characters that are kept and shown, so that a key can be told from others.
SHOWN = len(PREFIX) + 4
#: Of the whole key: the prefix and Base64 without padding.
LENGTH = len(PREFIX) + 43


def make_api_key() -> str:
    """Make a key."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def is_api_key(token: str) -> bool:
    """Tell whether a token looks like one, rather than like an access token."""
    return token.startswith(PREFIX) and len(token) == LENGTH


def hash_api_key(key: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).digest()
