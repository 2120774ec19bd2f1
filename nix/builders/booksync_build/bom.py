"""What the bills of materials of one image are made from: its manifest, its layers, and their components."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from booksync_build.component import Component
from booksync_build.oci import encode

#: Who says all this.
SUPPLIER = "BookSync"
TOOL = "booksync-build"


def name_document(content: Mapping[str, Any]) -> str:
    """Return the name of a document: the same for the same content, and for no other (RFC 9562, version 5).

    :param content: all of it but its name
    """
    digest = hashlib.sha256(encode(content)).hexdigest()
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:booksync:{digest}')}"


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

    :param repository: where it is pushed to: a variant of an image is a tag there
    :param digest: of its manifest
    :param created: RFC 3339 time of the release
    """

    name: str
    repository: str
    version: str
    architecture: str
    digest: str
    size: int
    created: str
    layers: Sequence[BomLayer]

    @property
    def purl(self) -> str:
        """Package URL of type oci."""
        return f"pkg:oci/{self.repository}@{quote(self.digest, safe='')}?arch={self.architecture}"

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


def load_image(
    image: Path, *, name: str, repository: str, version: str, created: str, inventories: Sequence[str]
) -> BomImage:
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
        repository=repository,
        version=version,
        architecture=summary["platform"]["architecture"],
        digest=summary["manifest"]["digest"],
        size=summary["manifest"]["size"],
        created=created,
        layers=layers,
    )
