"""Write one architecture's image as the archive that container engines load.

It is the format of `docker save` (Docker Image Specification v1.2): the config, the layers as they are, compressed, and
a manifest.json with any number of names. The config stays the same file, so that the image has the same id in every
engine. An archived OCI layout would keep the manifest too, but podman takes only one name from it, and Docker before 25
none.
"""

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from booksync_apps.errors import AppError
from booksync_apps.layout import Blob, Image, Json

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Archive:
    """What an engine is given: one image for one architecture, under some names.

    :param layers: lowest first
    """

    names: tuple[str, ...]
    config: Blob
    layers: tuple[Blob, ...]

    @property
    def size(self) -> int:
        """Bytes of all blobs, each counted once."""
        return sum(blob.size for blob in {self.config, *self.layers})


def plan_archive(image: Image, *, architecture: str, names: Sequence[str]) -> Archive:
    """Find an architecture's blobs in a layout.

    :raises AppError: the image has none for it
    """
    index = read_json(image.index)
    manifests = {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}
    if architecture not in manifests:
        known = ", ".join(sorted(manifests))
        raise AppError(f"{image.name}: expected an image for {architecture}, as the engine runs, got {known}")
    manifest = read_json(image.blobs[manifests[architecture]])
    return Archive(
        names=tuple(names),
        config=image.blobs[manifest["config"]["digest"]],
        layers=tuple(image.blobs[layer["digest"]] for layer in manifest["layers"]),
    )


def read_json(blob: Blob) -> Json:
    """Read an index or a manifest."""
    content: Json = json.loads(blob.path.read_text())
    return content


def write_archive(archive: Archive, stream: IO[bytes], *, on_bytes: Callable[[int], None]) -> None:
    """Write the archive to a pipe, holding no layer in memory.

    :param on_bytes: called with the number of bytes of blobs that have gone
    """
    description = {
        "Config": f"{encoded(archive.config)}.json",
        "RepoTags": list(archive.names),
        "Layers": [f"{encoded(layer)}.tar.gz" for layer in archive.layers],
    }
    files = {description["Config"]: archive.config} | dict(zip(description["Layers"], archive.layers, strict=True))
    with tarfile.open(fileobj=stream, mode="w|", bufsize=CHUNK, format=tarfile.PAX_FORMAT) as tar:
        content = json.dumps([description]).encode()
        tar.addfile(header("manifest.json", len(content)), io.BytesIO(content))
        done = 0
        for name, blob in files.items():
            with blob.path.open("rb") as source:
                counted = CountingReader(source, on_bytes, done)
                tar.addfile(header(name, blob.size), counted)  # type: ignore[arg-type]  # it reads and nothing else
            done += blob.size


def encoded(blob: Blob) -> str:
    """Return a digest without its algorithm."""
    return blob.digest.removeprefix("sha256:")


def header(name: str, size: int) -> tarfile.TarInfo:
    """Return a member's header."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o444
    return member


class CountingReader:
    """A file that tells how far it was read."""

    def __init__(self, source: IO[bytes], on_bytes: Callable[[int], None], before: int) -> None:
        self._source = source
        self._on_bytes = on_bytes
        self._position = before

    def read(self, size: int = -1) -> bytes:
        """Read, and tell."""
        chunk = self._source.read(size)
        self._position += len(chunk)
        self._on_bytes(self._position)
        return chunk
