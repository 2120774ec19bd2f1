"""What the bills of materials of one image are made from: its manifest, its layers, and their components."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from booksync_build.component import Component

#: Who says all this.
SUPPLIER = "BookSync"
TOOL = "booksync-build"


def document_uuid(*words: str) -> uuid.UUID:
    """Return the same UUID for the same words (RFC 9562, version 5)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "urn:booksync:" + ":".join(words))


@dataclass(frozen=True, kw_only=True)
class BomLayer:
    """A layer, and what its tree is made of.

    :param digest: of the compressed blob
    """

    name: str
    digest: str
    components: Sequence[Component]


@dataclass(frozen=True, kw_only=True)
class BomImage:
    """One architecture's image.

    :param digest: of its manifest
    :param created: RFC 3339 time of the release
    """

    name: str
    version: str
    architecture: str
    digest: str
    size: int
    created: str
    layers: Sequence[BomLayer]

    @property
    def purl(self) -> str:
        """Package URL of type oci."""
        return f"pkg:oci/{self.name}@{quote(self.digest, safe='')}?arch={self.architecture}"

    @property
    def components(self) -> list[Component]:
        """All components, sorted; each is in one layer.

        :raises ValueError: two layers have one
        """
        found = sorted((item for layer in self.layers for item in layer.components), key=lambda item: item.key)
        for one, other in pairwise(found):
            if one.key == other.key:
                raise ValueError(f"{self.name}: {one.key} is in two layers")
        return found


def load_image(image: Path, *, name: str, version: str, created: str, inventories: Sequence[str]) -> BomImage:
    """Read what a build has made.

    :param inventories: where each layer's list of components is, lowest first
    """
    summary: dict[str, Any] = json.loads((image / "image.json").read_text())
    layers = []
    for path, layer in zip(inventories, summary["layers"], strict=True):
        components = [Component.from_json(value) for value in json.loads(Path(path).read_text())]
        layers.append(BomLayer(name=layer["name"], digest=layer["digest"], components=components))
    return BomImage(
        name=name,
        version=version,
        architecture=summary["platform"]["architecture"],
        digest=summary["manifest"]["digest"],
        size=summary["manifest"]["size"],
        created=created,
        layers=layers,
    )
