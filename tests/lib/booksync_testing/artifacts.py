"""Read the OCI artifacts that stand beside an image's layout: referrers.json, and what it names."""

import json
from dataclasses import dataclass

from booksync_testing.layout import Descriptor, Json, Layout


@dataclass(frozen=True)
class Artifact:
    """An artifact about an image, and the documents that it holds: title -> content."""

    entry: Json
    manifest: Json
    documents: dict[str, bytes]

    def only(self) -> Json:
        """Read the document of an artifact that has one."""
        (content,) = self.documents.values()
        value: Json = json.loads(content)
        return value


def read_blob(layout: Layout, entry: Json) -> bytes:
    """Read a blob after comparing it with its descriptor."""
    layout.verify(Descriptor(media_type=entry["mediaType"], digest=entry["digest"], size=entry["size"]))
    return layout.blob(entry["digest"]).read_bytes()


def read_artifacts(layout: Layout, subject: str) -> dict[str, Artifact]:
    """Return the artifacts about a manifest, by their types."""
    found = {}
    for entry in json.loads((layout.path / "referrers.json").read_text())["manifests"]:
        manifest: Json = json.loads(read_blob(layout, entry))
        if manifest["subject"]["digest"] == subject:
            assert entry["artifactType"] not in found
            found[entry["artifactType"]] = Artifact(
                entry=entry,
                manifest=manifest,
                documents={
                    layer["annotations"]["org.opencontainers.image.title"]: read_blob(layout, layer)
                    for layer in manifest["layers"]
                },
            )
    return found
