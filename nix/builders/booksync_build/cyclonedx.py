"""An image's bill of materials as CycloneDX 1.6 JSON: its components, without their files (SPDX has these)."""

from typing import Any

from booksync_build.bom import SUPPLIER, TOOL, BomImage, name_document
from booksync_build.component import Component
from booksync_build.oci import encode

type Json = dict[str, Any]

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def describe_component(component: Component) -> Json:
    """Return a component."""
    value: Json = {
        "bom-ref": component.key,
        "type": component.purpose,
        "name": component.name,
        "purl": component.purl,
    }
    if component.version:
        value["version"] = component.version
    if component.cpe:
        value["cpe"] = component.cpe
    if component.supplier != "NOASSERTION":
        value["supplier"] = {"name": component.supplier}
    if component.licence.expression != "NOASSERTION":
        value["licenses"] = [{"expression": component.licence.expression}]
    if component.sha256:
        value["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    return value


def build_document(image: BomImage) -> bytes:
    """Return an image's document. What is compiled into a component is what that one depends on."""
    components = image.components
    owners = {component.name: component.key for component in components if not component.within}
    depends: dict[str, list[str]] = {image.name: [item.key for item in components if not item.within]}
    for component in components:
        if component.within:
            depends.setdefault(owners[component.within], []).append(component.key)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": image.created,
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "supplier": {"name": SUPPLIER},
            "component": {
                "bom-ref": image.name,
                "type": "container",
                "name": image.name,
                "version": image.version,
                "purl": image.purl,
                "hashes": [{"alg": "SHA-256", "content": image.digest.removeprefix("sha256:")}],
            },
        },
        "components": [describe_component(component) for component in components],
        "dependencies": [{"ref": key, "dependsOn": sorted(keys)} for key, keys in sorted(depends.items())],
    }
    return encode(document | {"serialNumber": name_document(document)})
