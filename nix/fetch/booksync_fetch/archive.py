"""Keep the artifacts in a Nix binary cache, and bring them back when the registries have them no more.

A store path of an artifact says the hash of its content. Nix takes such a path from anybody without a signature, and
refuses other bytes: the archive may lie anywhere, and no key has to be kept for as long as it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from booksync_fetch.errors import BootstrapError
from booksync_fetch.nix import Nix
from booksync_fetch.progress import say

#: What Nix can write to.
WRITABLE = ("file", "s3", "ssh", "ssh-ng")


def parse_url(text: str) -> str:
    """Return an archive's address as it is.

    :raises ArgumentTypeError: it has no scheme, or is a relative file
    """
    parts = urlsplit(text)
    if not parts.scheme or (parts.scheme == "file" and not parts.path.startswith("/")):
        raise argparse.ArgumentTypeError(f"expected a URL such as file:///srv/booksync-archive, got {text!r}")
    return text


def uncompressed(url: str) -> str:
    """Return an address that Nix writes to as it is: packages and wheels are compressed already."""
    parts = urlsplit(url)
    settings = dict(parse_qsl(parts.query))
    if parts.scheme not in ("file", "s3") or "compression" in settings:
        return url
    # not geturl(): it takes one slash for two from file:///
    return f"{url.partition('?')[0]}?{urlencode({**settings, 'compression': 'none'})}"


def copy_to(url: str, paths: Sequence[str], nix: Nix) -> None:
    """Copy store paths to an archive; those that it has stay as they are.

    :raises BootstrapError: it cannot be written to
    """
    scheme = urlsplit(url).scheme
    if scheme not in WRITABLE:
        raise BootstrapError(f"{url}: expected an archive that Nix can write to ({', '.join(WRITABLE)}), got {scheme}")
    say(f"archive: copying {len(paths)} artifacts to {url}")
    nix.copy("--to", uncompressed(url), paths)


def copy_from(url: str, paths: Sequence[str], nix: Nix) -> None:
    """Copy what the store lacks of some paths from an archive.

    :raises BootstrapError: it does not have all of them, or other bytes
    """
    missing = sorted(nix.find_missing(paths))
    if not missing:
        return
    say(f"fetch: copying {len(missing)} artifacts from {url}")
    try:
        nix.copy("--from", url, missing)
    except BootstrapError as error:
        raise BootstrapError(
            f"{url}: expected {len(missing)} artifacts of this version there, got the error above; "
            "what has come stays, and without --from the rest comes from the registries"
        ) from error
