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
#: Bytes of it that are in the build folder: a layer's tar while it is compressed, the largest of which is 0.8 of all
#: artifacts, and what is built beside it.
SCRATCH_FACTOR = 1.2


def check_space(*, download: int, add: int, build: int, cache: Path, scratch: Path | None = None) -> None:
    """Make sure that the file systems of the cache, of the store and of builds have room.

    :param download: bytes that will come into the cache
    :param add: bytes that will be put into the store
    :param build: bytes of the artifacts that will be worked on
    :param cache: the cache folder
    :param scratch: where builds have their folders; None below the store's
    :raises BootstrapError: there is less
    """
    store, cache = existing_folder(STORE), existing_folder(cache)
    needed = {store: add + round(build * BUILD_FACTOR)}
    others = [(cache, download)]
    if scratch is not None and not is_same_disk(scratch := existing_folder(scratch), store):
        others.append((scratch, round(build * SCRATCH_FACTOR)))
    for folder, count in others:
        disk = next((known for known in needed if is_same_disk(known, folder)), folder)
        needed[disk] = needed.get(disk, 0) + count
    for folder, count in needed.items():
        free = shutil.disk_usage(folder).free
        if free < count:
            other = (
                ", choose another folder for builds (build-dir in nix.conf; as root TMPDIR=FOLDER)"
                if folder == scratch
                else ""
            )
            raise BootstrapError(
                f"{folder}: expected {format_bytes(count)} of free disk space for the fetch and the build, "
                f"got {format_bytes(free)}; make room (nix-collect-garbage, {cache}){other}, or name "
                "fewer images: ./bootstrap build booksync-api-auth"
            )


def is_same_disk(one: Path, other: Path) -> bool:
    """Tell whether two folders are of one file system."""
    return one.stat().st_dev == other.stat().st_dev
