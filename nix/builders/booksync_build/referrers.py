"""Make what goes with one architecture's image to a registry: bills of materials, provenance, and what is known of
vulnerabilities, each as an OCI artifact whose subject is the image's manifest (manifest.md, "Guidelines for Artifact
Usage").
"""

import json
from pathlib import Path
from typing import Any

from booksync_build import cyclonedx, openvex, provenance, spdx
from booksync_build.attributes import load_attributes, output_path
from booksync_build.bom import BomImage, load_image
from booksync_build.image import write_blob
from booksync_build.oci import MANIFEST, Descriptor, build_artifact

EMPTY = "application/vnd.oci.empty.v1+json"
LAYERS_TYPE = "application/vnd.booksync.layers.spdx+json"
TITLE = "org.opencontainers.image.title"
CREATED = "org.opencontainers.image.created"
PREDICATE = "in-toto.io/predicate-type"


def build_documents(image: BomImage, attributes: dict[str, Any]) -> list[tuple[str, dict[str, str], list[Any]]]:
    """Return each artifact's type, annotations, and documents as name, media type and content."""
    layers = [spdx.build_layer(layer, created=image.created) for layer in image.layers]
    name = f"{image.name}-{image.version}-{image.architecture}"
    statement = provenance.build_statement(
        image,
        package=attributes["package"],
        system=attributes["system"],
        derivation=Path(attributes["imageDerivation"]),
        sources={source: Path(path) for source, path in attributes["sources"].items()},
    )
    artifacts = [
        (
            spdx.MEDIA_TYPE,
            {},
            [(f"{name}.spdx.json", spdx.MEDIA_TYPE, spdx.build_image(image, documents=layers))],
        ),
        (
            LAYERS_TYPE,
            {},
            [
                (f"{layer.name}.spdx.json", spdx.MEDIA_TYPE, document)
                for layer, document in zip(image.layers, layers, strict=True)
            ],
        ),
        (
            cyclonedx.MEDIA_TYPE,
            {},
            [(f"{name}.cdx.json", cyclonedx.MEDIA_TYPE, cyclonedx.build_document(image))],
        ),
        (
            provenance.MEDIA_TYPE,
            {PREDICATE: provenance.PREDICATE_TYPE},
            [(f"{name}.intoto.json", provenance.MEDIA_TYPE, statement)],
        ),
    ]
    if vex := openvex.build_document(image, attributes["vulnerabilities"]):
        artifacts.append((openvex.MEDIA_TYPE, {}, [(f"{name}.openvex.json", openvex.MEDIA_TYPE, vex)]))
    return artifacts


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    blobs = out / "blobs/sha256"
    blobs.mkdir(parents=True)
    image = load_image(
        Path(attributes["image"]),
        name=attributes["imageName"],
        repository=attributes["repository"],
        version=attributes["version"],
        created=attributes["created"],
        inventories=attributes["inventories"],
    )
    subject = Descriptor(media_type=MANIFEST, digest=image.digest, size=image.size)
    config = write_blob(blobs, b"{}", EMPTY)
    entries = []
    for artifact_type, annotations, documents in build_documents(image, attributes):
        annotations |= {CREATED: image.created}
        content = build_artifact(
            artifact_type=artifact_type,
            config=config,
            layers=[
                (write_blob(blobs, document, media_type), {TITLE: title}) for title, media_type, document in documents
            ],
            subject=subject,
            annotations=annotations,
        )
        descriptor = write_blob(blobs, content, MANIFEST)
        entries.append(descriptor.to_json() | {"artifactType": artifact_type, "annotations": annotations})
    (out / "referrers.json").write_text(json.dumps(entries, sort_keys=True, indent=2) + "\n")


if __name__ == "__main__":
    main()
