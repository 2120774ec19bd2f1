"""Debian packages: from the mirror that this machine's apt is set to, by pool path.

The files are pinned by SHA-256, so neither signatures nor TLS are asked of the mirror. A package
that a newer one has superseded leaves the pool: the mirror then answers 404.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.parse
from pathlib import Path

from booksync_fetch.cache import Cache
from booksync_fetch.download import GoneError, UnreachableError, download
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress

HOW_TO_CHOOSE = (
    "name a mirror: DEBIAN_MIRROR=URL ./bootstrap ..., with the archives at URL/debian and URL/debian-security "
    "(or with {archive} in the URL, where the name of the archive belongs)"
)
#: A source is named by its path and hash: ``update`` finds newer packages alone.
HOW_TO_PIN = "set pgvector's path, version and sha256 in nix/inputs.json to those of a file that the mirror has"


class SupersededError(Exception):
    """A mirror does not have a file.

    :param path: in the pool
    :param mirror: its address
    :param pinned: named by nix/inputs.json: ``update`` alone finds no newer one
    """

    def __init__(self, path: str, *, mirror: str, pinned: bool = False) -> None:
        super().__init__(path)
        self.mirror = mirror
        self.pinned = pinned


def mirror_bases() -> dict[str, str]:
    """Return the address of each Debian archive (``debian``, ``debian-security``), without a slash at its end.

    :raises BootstrapError: apt names none and ``DEBIAN_MIRROR`` is not set
    """
    if mirror := os.environ.get("DEBIAN_MIRROR", "").rstrip("/"):
        if "{archive}" not in mirror:
            # it may be the address of the archive itself, as it stands in apt's sources
            parent = mirror[: -len("/debian")] if mirror.endswith("/debian") else mirror
            mirror = f"{parent}/{{archive}}"
        return {name: mirror.replace("{archive}", name) for name in ("debian", "debian-security")}
    if shutil.which("apt-get") is None:
        raise BootstrapError(f"expected apt, to know a Debian mirror from it, found none; {HOW_TO_CHOOSE}")
    bases: dict[str, str] = {}
    # apt knows whose an archive is once it has its index; others may end like Debian's
    for line in [*list_sites("Origin: Debian"), *list_sites()]:
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


def list_sites(*filters: str) -> list[str]:
    """Return the addresses of apt's sources."""
    shown = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Identifier: Packages", *filters],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.split()


def download_package(artifact: Artifact, cache: Cache, progress: Progress, *, bases: dict[str, str]) -> Path:
    """Download a file of the pool.

    :raises SupersededError: the mirror does not have it
    :raises BootstrapError: the mirror does not give it, or other bytes than locked
    """
    entry = artifact.entry
    address = f"{bases[entry['archive']]}/{urllib.parse.quote(entry['path'])}"
    try:
        return download(address, artifact, cache, progress)
    except GoneError as error:
        raise SupersededError(
            entry["path"], mirror=bases[entry["archive"]], pinned=artifact.kind == "pgvector"
        ) from error
    except UnreachableError as error:
        raise BootstrapError(
            f"{artifact.file}: expected it from {address}, got {error}. "
            f"Run the same command again when the network is back, name a proxy (http_proxy=…), or {HOW_TO_CHOOSE}"
        ) from error
