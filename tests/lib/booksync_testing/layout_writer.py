"""Write tiny layouts, for tests that break them in their own way."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from booksync_testing.layout import (
    MEDIA_CONFIG,
    MEDIA_INDEX,
    MEDIA_LAYER_GZIP,
    MEDIA_MANIFEST,
    Image,
    Json,
    Layout,
)


def directory(name: str, mode: int = 0o555) -> tuple[tarfile.TarInfo, bytes]:
    """Make a directory's tar header."""
    header = tarfile.TarInfo(name)
    header.type = tarfile.DIRTYPE
    header.mode = mode
    return header, b""


def file(name: str, content: bytes = b"", mode: int = 0o444) -> tuple[tarfile.TarInfo, bytes]:
    """Make a file's tar header, and its content."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    header.mode = mode
    return header, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    """Make a link's tar header."""
    header = tarfile.TarInfo(name)
    header.type = kind
    header.linkname = target
    return header, b""


@dataclass
class LayoutWriter:
    """Writes a layout of one image with the layers it is given."""

    path: Path
    layers: list[Json] = field(default_factory=list)
    diff_ids: list[str] = field(default_factory=list)

    def write_blob(self, content: bytes, media_type: str) -> Json:
        """Write a blob and return its descriptor."""
        encoded = hashlib.sha256(content).hexdigest()
        blob = self.path / "blobs/sha256" / encoded
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{encoded}", "size": len(content)}

    def add_layer(self, *members: tuple[tarfile.TarInfo, bytes]) -> None:
        """Add a layer above those before."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for header, content in members:
                archive.addfile(header, io.BytesIO(content))
        plain = buffer.getvalue()
        self.layers.append(self.write_blob(gzip.compress(plain, mtime=0), MEDIA_LAYER_GZIP))
        self.diff_ids.append(f"sha256:{hashlib.sha256(plain).hexdigest()}")

    def write_image(self) -> Image:
        """Write config, manifest and index, and read them back."""
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"User": "7:8", "Env": ["A=1=2"]},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        }
        manifest = {
            "schemaVersion": 2,
            "config": self.write_blob(json.dumps(config).encode(), MEDIA_CONFIG),
            "layers": self.layers,
        }
        entry = self.write_blob(json.dumps(manifest).encode(), MEDIA_MANIFEST)
        platform = {"architecture": "amd64", "os": "linux"}
        index = self.write_blob(json.dumps({"manifests": [{**entry, "platform": platform}]}).encode(), MEDIA_INDEX)
        (self.path / "index.json").write_text(json.dumps({"manifests": [index]}))
        return Layout(self.path).image("amd64")
