"""Bills of materials as SPDX 2.3 JSON: one document an image, and one a layer.

An image's document has its packages, each with the verification code over its files; the files themselves, thousands
of them, stand in the layers' documents, which it names by hash. A layer's document is the same for every image that has
the layer, as its blob is: a changed service moves the list of its own few files, not that of CPython's again.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from booksync_build.bom import SUPPLIER, TOOL, BomImage, BomLayer, name_document
from booksync_build.component import Component
from booksync_build.oci import encode

type Json = dict[str, Any]

MEDIA_TYPE = "application/spdx+json"
PURPOSES = {"library": "LIBRARY", "application": "APPLICATION", "machine-learning-model": "OTHER"}


def identifier(*words: str) -> str:
    """Return an SPDX identifier."""
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(words))


def verification_code(component: Component) -> str:
    """Return the package verification code (SPDX 2.3, section 7.9)."""
    sums = "".join(sorted(file.sha1 for file in component.files))
    return hashlib.sha1(sums.encode(), usedforsecurity=False).hexdigest()


def describe_component(component: Component) -> Json:
    """Return a component as a package."""
    supplier = component.supplier
    package: Json = {
        "SPDXID": identifier("Package", component.key),
        "name": component.name,
        "supplier": supplier if supplier == "NOASSERTION" else f"Organization: {supplier}",
        "downloadLocation": "NOASSERTION",
        "licenseDeclared": component.licence.expression,
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": PURPOSES[component.purpose],
        "filesAnalyzed": bool(component.files),
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ],
    }
    if component.version:
        package["versionInfo"] = component.version
    if component.cpe:
        package["externalRefs"].append(
            {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": component.cpe}
        )
    if component.files:
        package["packageVerificationCode"] = {"packageVerificationCodeValue": verification_code(component)}
    if component.sha256:
        package["packageFileName"] = component.source
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": component.sha256}]
    return package


def relate(one: str, kind: str, other: str) -> Json:
    """Return a relationship."""
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def relate_components(components: Sequence[Component], *, root: str) -> list[Json]:
    """Say which components the root has, and which of these have others compiled in."""
    owners = {component.name: component for component in components if not component.within}
    return [
        relate(identifier("Package", owners[component.within].key), "STATIC_LINK", identifier("Package", component.key))
        if component.within
        else relate(root, "CONTAINS", identifier("Package", component.key))
        for component in components
    ]


def build_document(
    *, name: str, created: str, packages: list[Json], components: Iterable[Component], **more: Any
) -> bytes:
    """Return a document that describes the first of its packages."""
    references = {key: text for component in components for key, text in component.licence.references.items()}
    root = packages[0]["SPDXID"]
    relationships = more.pop("relationships")
    document: Json = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "creationInfo": {"created": created, "creators": [f"Organization: {SUPPLIER}", f"Tool: {TOOL}"]},
        "packages": packages,
        "relationships": [relate("SPDXRef-DOCUMENT", "DESCRIBES", root), *relationships],
        "hasExtractedLicensingInfos": [
            {"licenseId": key, "name": key.removeprefix("LicenseRef-"), "extractedText": text}
            for key, text in sorted(references.items())
        ],
        **more,
    }
    return encode(document | {"documentNamespace": name_document(document)})


def build_layer(layer: BomLayer, *, created: str) -> bytes:
    """Return a layer's document: its components and their files."""
    root = identifier("Layer", layer.name)
    files: list[Json] = []
    relationships = relate_components(layer.components, root=root)
    for component in layer.components:
        for file in component.files:
            number = f"SPDXRef-File-{len(files)}"
            files.append(
                {
                    "SPDXID": number,
                    "fileName": f"./{file.path}",
                    "checksums": [
                        {"algorithm": "SHA1", "checksumValue": file.sha1},
                        {"algorithm": "SHA256", "checksumValue": file.sha256},
                    ],
                }
            )
            relationships.append(relate(identifier("Package", component.key), "CONTAINS", number))
    package = {
        "SPDXID": root,
        "name": layer.name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "ARCHIVE",
        "checksums": [{"algorithm": "SHA256", "checksumValue": layer.digest.removeprefix("sha256:")}],
    }
    return build_document(
        name=layer.name,
        created=created,
        packages=[package, *map(describe_component, layer.components)],
        components=layer.components,
        relationships=relationships,
        files=files,
    )


def build_image(image: BomImage, *, documents: Sequence[bytes]) -> bytes:
    """Return an image's document.

    :param documents: its layers', lowest first
    """
    root = identifier("Image", image.name)
    package = {
        "SPDXID": root,
        "name": image.name,
        "versionInfo": image.version,
        "supplier": f"Organization: {SUPPLIER}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": image.digest.removeprefix("sha256:")}],
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": image.purl}
        ],
    }
    names = [f"DocumentRef-{layer.name}" for layer in image.layers]
    return build_document(
        name=f"{image.name}-{image.version}-{image.architecture}",
        created=image.created,
        packages=[package, *map(describe_component, image.components)],
        components=image.components,
        relationships=[
            *(
                relate(root, "CONTAINS", f"{name}:{identifier('Layer', layer.name)}")
                for name, layer in zip(names, image.layers, strict=True)
            ),
            *relate_components(image.components, root=root),
        ],
        externalDocumentRefs=[
            {
                "externalDocumentId": name,
                "spdxDocument": json.loads(document)["documentNamespace"],
                "checksum": {
                    "algorithm": "SHA1",
                    "checksumValue": hashlib.sha1(document, usedforsecurity=False).hexdigest(),
                },
            }
            for name, layer, document in zip(names, image.layers, documents, strict=True)
        ],
    )
