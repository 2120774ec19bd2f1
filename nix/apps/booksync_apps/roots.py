"""Images' roots below a folder: each layer is unpacked once, and a root is hard links to its layers' files.

Images share most of what they are made of, and making files is what unpacking takes its time for. A stack of overlays
would need no links, but is not to be had on every kernel and file system that this runs on.

What has its final name is whole, also after a power cut: it is on the disk before it gets it (rename(2) alone does not
wait for the files in a folder).
"""

import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from booksync_apps.image import Image

#: As much of a digest as tells layers and images apart.
SHORT = 16

#: What every container runtime adds, so that it can be mounted over.
RUNTIME_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/hostname": "booksync\n",
    "etc/resolv.conf": "",
}


class Roots:
    """A folder of layers and roots."""

    def __init__(self, directory: Path) -> None:
        """Remember the folder; nothing is made yet."""
        self.layers = directory / "layers"
        self.roots = directory / "roots"

    def root(self, image: Image) -> Path:
        """Return where an image's root is, or will be."""
        return self.roots / image.digest.removeprefix("sha256:")[:SHORT]

    def layer(self, blob: Path) -> Path:
        """Return where a layer is, or will be."""
        return self.layers / blob.name[:SHORT]

    def missing(self, image: Image) -> Iterator[Path]:
        """Yield the layers that have to be unpacked, lowest first."""
        if not self.root(image).exists():
            yield from (blob for blob in image.layers if not self.layer(blob).exists())

    def write_layer(self, blob: Path) -> None:
        """Unpack a layer."""
        partial = self.layers / f"partial-{blob.name[:SHORT]}"
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(blob) as archive:
            # our own layers, whose bytes Nix has verified
            archive.extractall(partial, filter=strip_owner)  # noqa: S202 - see there
        os.sync()
        partial.rename(self.layer(blob))

    def write_root(self, image: Image) -> Path:
        """Put an image's root together, unless it is there, and return it; all of its layers must be unpacked."""
        root = self.root(image)
        if not root.exists():
            partial = root.with_name(f"partial-{root.name}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for blob in image.layers:
                link(self.layer(blob), partial)
            for name, text in RUNTIME_FILES.items():
                # a file of its own: its layer's is other images' too
                (partial / name).unlink(missing_ok=True)
                (partial / name).write_text(text)
            os.sync()
            partial.rename(root)
        return root

    def remove_others(self, images: Iterable[Image]) -> None:
        """Remove the roots and layers of other images, and what is half-made."""
        images = list(images)
        wanted = {self.root(image) for image in images} | {
            self.layer(blob) for image in images for blob in image.layers
        }
        for folder in (self.roots, self.layers):
            for path in folder.iterdir() if folder.exists() else ():
                if path not in wanted:
                    shutil.rmtree(path, ignore_errors=True)


def write_roots(roots: Roots, image: Image) -> Path:
    """Unpack what is missing of one image, put its root together and return it."""
    for blob in list(roots.missing(image)):
        roots.write_layer(blob)
    return roots.write_root(image)


def strip_owner(member: tarfile.TarInfo, _path: str) -> tarfile.TarInfo:
    """Give everything to the person who unpacks, and let them write to folders (tarfile's extraction filters)."""
    mode = (member.mode or 0) | (0o700 if member.isdir() else 0)
    return member.replace(
        name=member.name.lstrip("/"), mode=mode, uid=os.getuid(), gid=os.getgid(), uname="", gname="", deep=False
    )


def link(source: Path, target: Path) -> None:
    """Link all files of a folder into another one; folders are made where they are not."""
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                place.mkdir(exist_ok=True)
                place.chmod(entry.stat(follow_symlinks=False).st_mode & 0o7777)
                link(Path(entry.path), place)
            else:
                os.link(entry.path, place, follow_symlinks=False)
