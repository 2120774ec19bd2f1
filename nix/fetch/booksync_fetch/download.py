"""Download a file of a known hash by HTTP, going on where an earlier attempt or run ended."""

from __future__ import annotations

import errno
import http.client
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from booksync_fetch.answer import ask
from booksync_fetch.cache import CHUNK_BYTES, Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress

#: Attempts in a row that bring less than a chunk, until a file is given up.
ATTEMPTS = 5
BACKOFF = 1.0  # s, doubled each time

#: Not Found and Gone (RFC 9110).
GONE = (404, 410)
#: Range Not Satisfiable (RFC 9110): there is nothing after what we have.
ALREADY_WHOLE = 416
PARTIAL_CONTENT = 206

#: Where pip and its HTTP client are told of certificate authorities beside the system's.
AUTHORITIES = ("PIP_CERT", "REQUESTS_CA_BUNDLE")


class GoneError(Exception):
    """The server does not have the file."""


class UnreachableError(Exception):
    """No attempt brought the file; the message says how many there were and why the last one failed."""


def download(address: str, artifact: Artifact, cache: Cache, progress: Progress) -> Path:
    """Download an artifact's file and keep it.

    :raises GoneError: the server does not have it
    :raises UnreachableError: the server does not give it
    :raises BootstrapError: it gives other bytes than locked
    :raises CancelledError: the fetch was interrupted
    """
    partial = cache.partial(artifact.sha256)
    vain = 0
    while True:
        before = file_size(partial)
        try:
            append_rest(address, partial, progress, size=artifact.size)
        except urllib.error.HTTPError as error:
            if error.code in GONE:
                raise GoneError(address) from error
            reason = f"{error.code} {error.reason}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            return keep_whole(partial, artifact, cache, progress)
        vain = 0 if file_size(partial) - before >= CHUNK_BYTES else vain + 1
        if vain == ATTEMPTS:
            raise UnreachableError(f"{ATTEMPTS} times: {reason}")
        progress.wait(BACKOFF * 2 ** max(vain - 1, 0))


def append_rest(address: str, partial: Path, progress: Progress, *, size: int) -> None:
    """Append to ``partial`` what is missing of a file.

    :param size: bytes that the file has, beyond which nothing is read; 0 where it is not known
    """
    have = file_size(partial)
    request = urllib.request.Request(address, headers={"User-Agent": "booksync-bootstrap"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    context = create_context() if address.startswith("https:") else None
    with ask(request, context) as answer:
        try:
            head = answer.take(progress)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == ALREADY_WHOLE:
                progress.add_bytes(have)
                return
            raise
        start = have if head.status == PARTIAL_CONTENT else 0
        length = head.headers.get("Content-Length", "")
        expected = int(length) if length.isdecimal() else None
        if size and have > start and expected not in (None, size):
            raise ConnectionError(f"expected the rest of {size} bytes, got an answer of {expected}")  # of a portal
        progress.add_bytes(start)
        came = 0
        try:
            with partial.open("ab" if start else "wb") as file:
                # what has come is written at once
                while came != expected and (chunk := answer.take(progress)):
                    file.write(chunk)
                    file.flush()
                    came += len(chunk)
                    progress.add_bytes(len(chunk))
                    progress.ensure_wanted()
                    if 0 < size < start + came:
                        return  # other bytes than locked, as their hash will tell
            if came < (size - start if expected is None else expected):
                raise ConnectionError(f"the connection ended after {came} of {expected or size - start} bytes")
        except (OSError, http.client.HTTPException):
            progress.add_bytes(-came - start)
            raise


def keep_whole(partial: Path, artifact: Artifact, cache: Cache, progress: Progress) -> Path:
    """Verify and keep a file that has come whole."""
    size = file_size(partial)
    try:
        path = cache.keep(partial, sha256=artifact.sha256, name=artifact.file)
    except BootstrapError:
        progress.add_bytes(-size)
        raise
    progress.add_file()
    return path


def create_context() -> ssl.SSLContext:
    """Return how servers are verified: by the system's authorities, and those that pip is told of."""
    context = ssl.create_default_context()
    for name in AUTHORITIES:
        if bundle := os.environ.get(name):
            context.load_verify_locations(bundle)
    return context


def file_size(path: Path) -> int:
    """Return the bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
