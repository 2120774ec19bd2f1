"""Encrypt what other sites have entrusted to us, with keys that can be changed."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from booksync_api_auth.derivation import derive


class Vault:
    """Fernet (AES-128-CBC and HMAC-SHA256) with the newest key; older ones still open what they closed."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Derive the keys.

        :param secrets: the newest first; at least one.
        """
        keys = [derive(secret, "credentials") for secret in secrets]
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
        #: Names the newest key without giving it away.
        self.key_id = derive(secrets[0], "credentials key id").hex()[:16]

    def seal(self, text: str) -> bytes:
        """Encrypt."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str | None:
        """Decrypt; None when the key is one that nobody has told us."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None

    def rotate(self, sealed: bytes) -> bytes | None:
        """Encrypt with the newest key what another one has closed; None when that one is gone."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            return None
