"""Debian packages: from the mirror that this machine's apt is set to, by pool path.

The files are pinned by SHA-256, so neither signatures nor TLS are asked of the mirror. A package
that a newer one has superseded leaves the pool: the mirror then answers 404.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from booksync_fetch.cache import CHUNK_BYTES, Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress

TIMEOUT = 60.0  # s without a byte
ATTEMPTS = 5
BACKOFF = 1.0  # s, doubled each time

#: Not Found and Gone (RFC 9110): the pool no longer has the file.
GONE = (404, 410)
#: Range Not Satisfiable (RFC 9110): there is nothing after what we have.
ALREADY_WHOLE = 416
PARTIAL_CONTENT = 206

HOW_TO_CHOOSE = (
    "name a mirror: DEBIAN_MIRROR=ADDRESS ./bootstrap ..., whose folders debian and debian-security are the archives "
    "(or with {archive} in the address, where the name of the archive belongs)"
)


class SupersededError(Exception):
    """The mirror no longer has a file."""


def mirror_bases() -> dict[str, str]:
    """Return the address of each Debian archive (``debian``, ``debian-security``), without a slash at its end.

    :raises BootstrapError: apt names none and ``DEBIAN_MIRROR`` is not set
    """
    if mirror := os.environ.get("DEBIAN_MIRROR", "").rstrip("/"):
        template = mirror if "{archive}" in mirror else f"{mirror}/{{archive}}"
        return {name: template.replace("{archive}", name) for name in ("debian", "debian-security")}
    if shutil.which("apt-get") is None:
        raise BootstrapError(f"expected apt, to know a Debian mirror from it, found none; {HOW_TO_CHOOSE}")
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Identifier: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    bases: dict[str, str] = {}
    for line in shown.stdout.split():
        site = line.rstrip("/")
        archive = site.rpartition("/")[2]
        if archive in ("debian", "debian-security") and site.startswith(("http://", "https://")):
            bases.setdefault(archive, site)
    if "debian" not in bases:
        raise BootstrapError(
            f"apt's sources: expected a mirror of Debian, found {sorted(bases) or 'none'}; {HOW_TO_CHOOSE}"
        )
    # a machine without the security archive among its sources has it beside the other on most mirrors
    bases.setdefault("debian-security", f"{bases['debian'].rpartition('/')[0]}/debian-security")
    return bases


def download_package(artifact: Artifact, cache: Cache, progress: Progress, *, bases: dict[str, str]) -> Path:
    """Download a file of the pool, going on from what an earlier run has of it.

    :raises SupersededError: the mirror answers 404
    :raises BootstrapError: no answer after some attempts, or other bytes than locked
    """
    entry = artifact.entry
    address = f"{bases[entry['archive']]}/{urllib.parse.quote(entry['path'])}"
    partial = cache.partial(artifact.sha256)
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF * 2 ** (attempt - 1))
        try:
            download(address, partial, progress)
        except urllib.error.HTTPError as error:
            if error.code in GONE:
                raise SupersededError(entry["path"]) from error
            reason = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            path = cache.keep(partial, sha256=artifact.sha256, name=artifact.file)
            progress.add_file()
            return path
    raise BootstrapError(
        f"{artifact.file}: expected it from {address}, got {ATTEMPTS} times: {reason}. "
        f"Run the same command again when the network is back, or {HOW_TO_CHOOSE}"
    )


def download(address: str, partial: Path, progress: Progress) -> None:
    """Append to ``partial`` what is missing of a file."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "booksync-bootstrap"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == ALREADY_WHOLE:
            progress.add_bytes(have)
            return
        raise
    with response:
        goes_on = response.status == PARTIAL_CONTENT
        expected = response.headers.get("Content-Length")
        if goes_on:
            progress.add_bytes(have)
        came = 0
        try:
            with partial.open("ab" if goes_on else "wb") as file:
                while chunk := response.read(CHUNK_BYTES):
                    file.write(chunk)
                    came += len(chunk)
                    progress.add_bytes(len(chunk))
            if expected is not None and came != int(expected):
                raise ConnectionError(f"the connection ended after {came} of {expected} bytes")
        except (OSError, http.client.HTTPException):
            progress.add_bytes(-came - (have if goes_on else 0))
            raise
