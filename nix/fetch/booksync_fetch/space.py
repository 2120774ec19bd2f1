"""Is there room for what is about to be fetched and built?"""

from __future__ import annotations

import shutil
from pathlib import Path

from booksync_fetch.cache import existing_folder
from booksync_fetch.errors import BootstrapError
from booksync_fetch.progress import format_bytes

STORE = Path("/nix/store")

#: Bytes that the store and the build folder take for each byte of artifacts at most, while images are built of them:
#: unpacked trees, compressed layers, and the tar of the largest one while it is compressed. As the sizes of what was
#: built have it: 2.6 for auth, 1.8 for postgres, 4.1 for prediction on arm64, 3.7 for all images.
BUILD_FACTOR = 4.2


def check_space(*, download: int, add: int, build: int, cache: Path) -> None:
    """Make sure that the file systems of the cache and of the store have room.

    :param download: bytes that will come into the cache
    :param add: bytes that will be put into the store
    :param build: bytes of the artifacts that will be worked on
    :param cache: the cache folder
    :raises BootstrapError: there is less
    """
    store = existing_folder(STORE)
    cache = existing_folder(cache)
    needed = {store: add + round(build * BUILD_FACTOR)}
    if store.stat().st_dev == cache.stat().st_dev:
        needed[store] += download
    else:
        needed[cache] = download
    for folder, count in needed.items():
        free = shutil.disk_usage(folder).free
        if free < count:
            raise BootstrapError(
                f"{folder}: expected {format_bytes(count)} of free disk space for the fetch and the build, got "
                f"{format_bytes(free)}; make room (nix-collect-garbage, {cache}), or name fewer images: "
                "./bootstrap build booksync-api-auth"
            )
