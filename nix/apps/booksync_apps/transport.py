"""How a registry is talked to, and why it does not answer: TLS with or without verification, or plain HTTP."""

import http.client
import socket
import ssl
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from booksync_apps.errors import AppError

type Transport = Literal["tls", "tls-unverified", "plain"]

TIMEOUT_S = 30

#: Where systems keep the CA certificates that they trust, as oras looks for them (Go's crypto/x509, root_linux.go).
CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class NoAnswerError(Exception):
    """The registry could not be talked to.

    :param plain: it was there, but does not speak TLS
    :param untrusted: its certificate was refused
    """

    def __init__(self, what: str, *, plain: bool = False, untrusted: bool = False) -> None:
        super().__init__(what)
        self.plain = plain
        self.untrusted = untrusted


class RefusedError(NoAnswerError):
    """The registry was there, but said neither yes nor no."""


def create_context(*, verify: bool, environment: Mapping[str, str]) -> ssl.SSLContext:
    """Return how TLS is spoken; SSL_CERT_FILE and SSL_CERT_DIR count for this client as for oras.

    :raises AppError: SSL_CERT_FILE is no file of certificates
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    file = environment.get("SSL_CERT_FILE") or next((file for file in CA_FILES if Path(file).is_file()), None)
    folder = environment.get("SSL_CERT_DIR") or None
    if file or folder:
        try:
            context.load_verify_locations(cafile=file, capath=folder)
        except OSError as error:
            raise AppError(f"{file}: expected CA certificates, got {error}", way_out="see SSL_CERT_FILE") from error
    return context


def describe_failure(error: BaseException) -> NoAnswerError:
    """Say in a few words why there was no answer."""
    reason: object = error.reason if isinstance(error, urllib.error.URLError) else error
    match reason:
        case ssl.SSLCertVerificationError():
            return NoAnswerError(f"its certificate is not trusted ({reason.verify_message})", untrusted=True)
        case ssl.SSLError() if reason.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return NoAnswerError("it does not speak TLS (https)", plain=True)
        case ssl.SSLError():
            return NoAnswerError(f"TLS failed ({reason.reason or reason})")
        case socket.gaierror():
            return NoAnswerError(f"its name is not known here ({reason.strerror})")
        case TimeoutError():
            return NoAnswerError(f"no answer in {TIMEOUT_S} s")
        case http.client.HTTPException() | ConnectionResetError():
            return NoAnswerError("it closes the connection without an answer")
        case OSError():
            return NoAnswerError(str(reason.strerror or reason))
    return NoAnswerError(str(reason))
