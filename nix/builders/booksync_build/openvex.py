"""What is known of vulnerabilities in an image's components: OpenVEX 0.2.0."""

from collections.abc import Sequence
from typing import Any

from booksync_build.bom import SUPPLIER, BomImage, name_document
from booksync_build.oci import encode

MEDIA_TYPE = "application/vnd.openvex+json"


def build_document(image: BomImage, statements: Sequence[dict[str, str]]) -> bytes | None:
    """Return the statements about components that the image has, None where there are none.

    :param statements: package (of PyPI), vulnerability, description, justification and impact
    """
    components = {component.name: component for component in image.components if component.kind == "pypi"}
    concerned = [statement for statement in statements if statement["package"] in components]
    if not concerned:
        return None

    def state(statement: dict[str, str]) -> dict[str, Any]:
        return {
            "vulnerability": {"name": statement["vulnerability"], "description": statement["description"]},
            "products": [
                {"@id": image.purl, "subcomponents": [{"@id": components[statement["package"]].purl}]},
            ],
            "status": "not_affected",
            "justification": statement["justification"],
            "impact_statement": statement["impact"],
        }

    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": SUPPLIER,
        "timestamp": image.created,
        "version": 1,
        "statements": [state(statement) for statement in concerned],
    }
    return encode(document | {"@id": name_document(document)})
