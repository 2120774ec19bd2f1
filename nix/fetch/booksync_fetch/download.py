"""Download a file of a known hash by HTTP, going on where an earlier attempt or run ended."""

from __future__ import annotations

import errno
import http.client
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from booksync_fetch.answer import Head, ask
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
    """Append to ``partial`` what is missing of a file, or replace it where the server begins at the start.

    :param size: bytes that the file has, beyond which nothing is read; 0 where it is not known
    :raises OSError, HTTPException, ValueError: not all has come, or a portal's page instead
    :raises CancelledError: the fetch was interrupted
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
        start, expected = parse_head(head, have=have, size=size)
        # where no length tells a page from the file, what has come stays until the new one is whole
        target = partial.with_suffix(".anew") if size and have > start and expected is None else partial
        progress.add_bytes(start)
        came = 0
        try:
            with target.open("ab" if start else "wb") as file:
                # what has come is written at once
                while came != expected and (chunk := answer.take(progress)):
                    file.write(chunk)
                    file.flush()
                    came += len(chunk)
                    progress.add_bytes(len(chunk))
                    progress.ensure_wanted()
                    if 0 < size < start + came:
                        break  # other bytes than locked, as their hash will tell
                else:
                    if came < (size - start if expected is None else expected):
                        raise ConnectionError(f"the connection ended after {came} of {expected or size - start} bytes")
            target.replace(partial)
        except (OSError, http.client.HTTPException):
            progress.add_bytes(-came - start)
            raise
        finally:
            if target != partial:
                target.unlink(missing_ok=True)


def parse_head(head: Head, *, have: int, size: int) -> tuple[int, int | None]:
    """Return the byte of a file that an answer begins at, and how many it says to bring; None where it does not say.

    :param have: bytes that are there, after which it was asked to begin
    :param size: bytes that the file has; 0 where it is not known
    :raises ConnectionError: it is a portal's page instead of the file
    """
    start = have if head.status == PARTIAL_CONTENT else 0
    length = head.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    if not start and expected != size and head.headers.get_content_type() == "text/html":
        raise ConnectionError(f"expected {size or 'its'} bytes, got a page (text/html)")
    if size and have > start and expected not in (None, size):
        raise ConnectionError(f"expected the rest of {size} bytes, got an answer of {expected}")
    return start, expected


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
