"""Keys for single purposes from one secret."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: bytes, purpose: str) -> bytes:
    """Derive a 256-bit key (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"booksync {purpose}".encode()).derive(secret)
