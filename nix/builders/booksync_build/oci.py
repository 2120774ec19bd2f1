"""Configs, manifests and indexes of the OCI image specification 1.1, as bytes.

JSON is written with sorted keys and no spaces, so that a value has one encoding.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

#: The annotation that tags an entry of a layout's index.json (image-layout.md).
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The platform object of an index entry."""

    architecture: str
    variant: str | None
    os: str = "linux"

    def to_json(self) -> dict[str, str]:
        value = {"architecture": self.architecture, "os": self.os}
        return value | ({"variant": self.variant} if self.variant else {})


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """A content descriptor (descriptor.md)."""

    media_type: str
    digest: str
    size: int

    def to_json(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer's blob, and what a config says of it."""

    name: str
    descriptor: Descriptor
    diff_id: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Layer":
        descriptor = Descriptor(media_type=value["mediaType"], digest=value["digest"], size=value["size"])
        return cls(name=value["name"], descriptor=descriptor, diff_id=value["diffID"])


def encode(value: Any) -> bytes:
    """Return the one encoding of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def describe(content: bytes, media_type: str) -> Descriptor:
    """Return the descriptor of a blob."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Descriptor(media_type=media_type, digest=digest, size=len(content))


def build_config(*, platform: Platform, created: str, config: Mapping[str, Any], layers: Sequence[Layer]) -> bytes:
    """Return an image's config (config.md).

    :param created: RFC 3339 time of the release
    :param config: the execution parameters: User, Env, Entrypoint, Healthcheck and so on
    """
    return encode(
        platform.to_json()
        | {
            "created": created,
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": created, "created_by": f"booksync: {layer.name}"} for layer in layers],
        }
    )


def build_manifest(*, config: Descriptor, layers: Sequence[Layer], annotations: Mapping[str, str]) -> bytes:
    """Return an image's manifest (manifest.md)."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_json(),
            "layers": [layer.descriptor.to_json() for layer in layers],
            "annotations": dict(annotations),
        }
    )


def build_index(*, manifests: Sequence[tuple[Platform, Descriptor]], annotations: Mapping[str, str]) -> bytes:
    """Return the index of an image's architectures (image-index.md), sorted by architecture."""
    entries = sorted(manifests, key=lambda entry: entry[0].architecture)
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [descriptor.to_json() | {"platform": platform.to_json()} for platform, descriptor in entries],
            "annotations": dict(annotations),
        }
    )


def build_artifact(
    *,
    artifact_type: str,
    config: Descriptor,
    layers: Sequence[tuple[Descriptor, Mapping[str, str]]],
    subject: Descriptor,
    annotations: Mapping[str, str],
) -> bytes:
    """Return the manifest of an artifact that says something of another manifest, its subject (manifest.md)."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": config.to_json(),
            "layers": [descriptor.to_json() | {"annotations": dict(named)} for descriptor, named in layers],
            "subject": subject.to_json(),
            "annotations": dict(annotations),
        }
    )


def build_referrers_index(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a list of artifacts as registries answer it (distribution specification, "Listing Referrers")."""
    return encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)})


def build_layout_index(*, index: Descriptor, tag: str) -> bytes:
    """Return a layout's index.json: one entry, as ``podman load`` refuses several."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [index.to_json() | {"annotations": {REF_NAME: tag}}],
        }
    )
