"""Make an `images` directory of tiny images, in the shape of `nix build .#images`."""

import functools
import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

type Json = dict[str, Any]

ARCHITECTURES = ("amd64", "arm64")
#: Sizes of layers: the largest is sent in several pieces.
BASE_BYTES = 400_000
SHARED_BYTES = 100_000

MEDIA = "application/vnd.oci.image."


@dataclass
class TinyImages:
    """A directory of layouts; blobs are links into another folder, as Nix makes them.

    :param version: of all images
    """

    directory: Path
    version: str = "1.0.0"
    digests: Json = field(default_factory=dict)

    def add(self, name: str, *, layers: Mapping[str, int], shared: Sequence[str] = ()) -> None:
        """Add an image.

        :param layers: name -> bytes, lowest first; equal names and sizes are the same layer in every image
        :param shared: names of layers that both architectures share
        """
        blobs = self.directory / name / "blobs/sha256"
        blobs.mkdir(parents=True)
        architectures: Json = {}
        manifests = []
        for architecture in ARCHITECTURES:
            entries = []
            for layer, size in layers.items():
                content = make_layer(layer if layer in shared else f"{layer} {architecture}", size)
                entries.append(
                    {
                        "mediaType": f"{MEDIA}layer.v1.tar+gzip",
                        **self._write(blobs, gzip.compress(content, compresslevel=1, mtime=0)),
                    }
                    | {"diffID": f"sha256:{hashlib.sha256(content).hexdigest()}", "name": layer}
                )
            config = self._write(
                blobs,
                encode(
                    {
                        "architecture": architecture,
                        "os": "linux",
                        "config": {"Labels": {"title": name}},
                        "rootfs": {"type": "layers", "diff_ids": [entry["diffID"] for entry in entries]},
                    }
                ),
            )
            manifest = self._write(
                blobs,
                encode(
                    {
                        "schemaVersion": 2,
                        "mediaType": f"{MEDIA}manifest.v1+json",
                        "config": {"mediaType": f"{MEDIA}config.v1+json", **config},
                        "layers": [{key: entry[key] for key in ("mediaType", "digest", "size")} for entry in entries],
                    }
                ),
            )
            manifests.append(
                {
                    "mediaType": f"{MEDIA}manifest.v1+json",
                    **manifest,
                    "platform": {"os": "linux", "architecture": architecture},
                }
            )
            architectures[architecture] = {"manifest": manifest, "config": config, "layers": entries}
        index = self._write(
            blobs, encode({"schemaVersion": 2, "mediaType": f"{MEDIA}index.v1+json", "manifests": manifests})
        )
        entry = {
            "mediaType": f"{MEDIA}index.v1+json",
            **index,
            "annotations": {"org.opencontainers.image.ref.name": self.version},
        }
        (self.directory / name / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [entry]}))
        (self.directory / name / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.digests[name] = {"version": self.version, **index, "architectures": architectures}
        (self.directory / "digests.json").write_bytes(encode(self.digests))

    def add_artifact(self, name: str, *, about: str, artifact_type: str, document: bytes) -> Json:
        """Add an artifact about one architecture of an image; return its descriptor."""
        blobs = self.directory / name / "blobs/sha256"
        manifest = encode(
            {
                "schemaVersion": 2,
                "mediaType": f"{MEDIA}manifest.v1+json",
                "artifactType": artifact_type,
                "config": {"mediaType": "application/vnd.oci.empty.v1+json", **self._write(blobs, b"{}")},
                "layers": [
                    {
                        "mediaType": artifact_type,
                        **self._write(blobs, document),
                        "annotations": {"org.opencontainers.image.title": "document.json"},
                    }
                ],
                "subject": {
                    "mediaType": f"{MEDIA}manifest.v1+json",
                    **self.digests[name]["architectures"][about]["manifest"],
                },
            }
        )
        entry = {
            "mediaType": f"{MEDIA}manifest.v1+json",
            **self._write(blobs, manifest),
            "artifactType": artifact_type,
        }
        path = self.directory / name / "referrers.json"
        known = json.loads(path.read_text())["manifests"] if path.exists() else []
        path.write_bytes(encode({"schemaVersion": 2, "manifests": [*known, entry]}))
        return entry

    def blob_size(self, *names: str) -> int:
        """Return the bytes of the blobs of some images, each blob counted once."""
        found = {path.name: path for name in names for path in (self.directory / name / "blobs/sha256").iterdir()}
        return sum(path.stat().st_size for path in found.values())

    def layer(self, name: str, layer: str, architecture: str) -> Json:
        """Return a layer's entry of digests.json."""
        layers = self.digests[name]["architectures"][architecture]["layers"]
        return next(entry for entry in layers if entry["name"] == layer)

    def _write(self, blobs: Path, content: bytes) -> Json:
        digest = hashlib.sha256(content).hexdigest()
        store = self.directory.parent / "store"
        store.mkdir(exist_ok=True)
        (store / digest).write_bytes(content)
        link = blobs / digest
        if not link.is_symlink():
            link.symlink_to(store / digest)
        return {"digest": f"sha256:{digest}", "size": len(content)}


def encode(value: Json) -> bytes:
    """Return canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@functools.cache
def make_layer(seed: str, size: int) -> bytes:
    """Return a tar of one file of bytes that do not compress."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name=f"usr/share/{seed.replace(' ', '-')}")
        member.size = size
        content = random.Random(seed).randbytes(size)  # noqa: S311 - the same in every run
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
