"""Read OCI image layouts (OCI image specification v1.1, image-layout.md) and say what is wrong with them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

type Architecture = Literal["amd64", "arm64"]
type Json = dict[str, Any]

ARCHITECTURES: tuple[Architecture, ...] = ("amd64", "arm64")

MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

CHUNK = 1 << 20


class LayoutError(Exception):
    """Something in a layout is not as the image specification, or the layout itself, says."""


@dataclass(frozen=True)
class Descriptor:
    """Reference to one blob (descriptor.md)."""

    media_type: str
    digest: str
    size: int
    platform: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def parse_descriptor(entry: Json) -> Descriptor:
    """Take a descriptor's fields, refusing unknown ones.

    :raises LayoutError: a required field is missing or a field is not one that we write.
    """
    unknown = entry.keys() - {"mediaType", "digest", "size", "platform", "annotations"}
    missing = {"mediaType", "digest", "size"} - entry.keys()
    if unknown or missing:
        raise LayoutError(f"descriptor {entry}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return Descriptor(
        media_type=entry["mediaType"],
        digest=entry["digest"],
        size=entry["size"],
        platform=entry.get("platform", {}),
        annotations=entry.get("annotations", {}),
    )


@dataclass(frozen=True)
class Layout:
    """One directory with oci-layout, index.json and blobs."""

    path: Path

    def blob(self, digest: str) -> Path:
        """Say where the blob of a digest lies."""
        algorithm, _, encoded = digest.partition(":")
        if algorithm != "sha256" or len(encoded) != 64 or set(encoded) - set("0123456789abcdef"):
            raise LayoutError(f"{self.path}: not a sha256 digest: {digest}")
        return self.path / "blobs" / algorithm / encoded

    def read_json(self, descriptor: Descriptor) -> Json:
        """Read a JSON blob after comparing it with its descriptor."""
        self.verify(descriptor)
        value: Json = json.loads(self.blob(descriptor.digest).read_bytes())
        return value

    def verify(self, descriptor: Descriptor) -> None:
        """Compare a blob's size and digest with its descriptor.

        :raises LayoutError: naming the blob, what was expected and what is there.
        """
        path = self.blob(descriptor.digest)
        if not path.is_file():
            raise LayoutError(f"{path}: the blob is missing")
        if (size := path.stat().st_size) != descriptor.size:
            raise LayoutError(f"{path}: {size} bytes, its descriptor says {descriptor.size}")
        with path.open("rb") as blob:
            actual = "sha256:" + hashlib.file_digest(blob, "sha256").hexdigest()
        if actual != descriptor.digest:
            raise LayoutError(f"{path}: holds {actual}")

    def entries(self) -> list[Descriptor]:
        """List what index.json names."""
        index: Json = json.loads((self.path / "index.json").read_bytes())
        return [parse_descriptor(entry) for entry in index["manifests"]]

    def index(self) -> tuple[Descriptor, Json]:
        """Return the multi-architecture index: its descriptor and its content."""
        entries = self.entries()
        if len(entries) != 1:
            raise LayoutError(f"{self.path}/index.json: {len(entries)} entries; podman loads a layout with exactly one")
        return entries[0], self.read_json(entries[0])

    def architectures(self) -> list[str]:
        """List the architectures of the index, in its order."""
        return [entry["platform"]["architecture"] for entry in self.index()[1]["manifests"]]

    def image(self, architecture: str) -> "Image":
        """Read one architecture's manifest and config.

        :raises LayoutError: the architecture is not in the index exactly once.
        """
        manifests = [parse_descriptor(entry) for entry in self.index()[1]["manifests"]]
        found = [entry for entry in manifests if entry.platform.get("architecture") == architecture]
        if len(found) != 1:
            raise LayoutError(f"{self.path}: {len(found)} manifests for {architecture}, expected 1")
        manifest = self.read_json(found[0])
        config = parse_descriptor(manifest["config"])
        return Image(
            layout=self,
            architecture=architecture,
            descriptor=found[0],
            manifest=manifest,
            config_descriptor=config,
            config=self.read_json(config),
            layers=tuple(parse_descriptor(layer) for layer in manifest["layers"]),
        )


@dataclass(frozen=True)
class Image:
    """One architecture's image of a layout."""

    layout: Layout
    architecture: str
    descriptor: Descriptor
    manifest: Json
    config_descriptor: Descriptor
    config: Json
    layers: tuple[Descriptor, ...]

    @property
    def name(self) -> str:
        """The name of the layout's folder, which is the image's."""
        return self.layout.path.name

    @property
    def runtime(self) -> Json:
        """What the config says about running the image (config.md, `config`)."""
        value: Json = self.config["config"]
        return value

    @property
    def environment(self) -> dict[str, str]:
        """The config's variables."""
        return dict(variable.split("=", 1) for variable in self.runtime.get("Env", []))

    @property
    def user(self) -> tuple[int, int]:
        """The numeric user and group that the config names."""
        uid, _, gid = self.runtime["User"].partition(":")
        return int(uid), int(gid)
