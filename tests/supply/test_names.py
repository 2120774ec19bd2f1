"""A document's name is that of its content: what says something else has another name, though the image is the same."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from booksync_build import cyclonedx, openvex, spdx
from booksync_build.bom import BomImage, BomLayer
from booksync_build.component import Component

LIBRARY = Component(kind="pypi", name="lib", version="1", purl="pkg:pypi/lib@1", supplier="NOASSERTION")
LAYER = BomLayer(name="layer", digest=f"sha256:{'1' * 64}", components=[LIBRARY])
IMAGE = BomImage(
    name="image-onnx",
    repository="image",
    version="1",
    architecture="amd64",
    digest=f"sha256:{'2' * 64}",
    size=1,
    created="2026-01-01T00:00:00Z",
    layers=[LAYER],
)
LATER = replace(IMAGE, created="2026-01-02T00:00:00Z")
STATEMENT = {
    "package": "lib",
    "vulnerability": "CVE-1",
    "description": "",
    "justification": "vulnerable_code_not_present",
    "impact": "none",
}


def make_vex(image: BomImage, *impacts: str) -> bytes:
    """Make statements."""
    document = openvex.build_document(image, [STATEMENT | {"impact": impact} for impact in impacts])
    assert document is not None
    return document


@pytest.mark.parametrize(
    ("key", "make", "make_other"),
    [
        (
            "documentNamespace",
            lambda: spdx.build_layer(LAYER, created=IMAGE.created),
            lambda: spdx.build_layer(LAYER, created=LATER.created),
        ),
        (
            "documentNamespace",
            lambda: spdx.build_image(IMAGE, documents=[spdx.build_layer(LAYER, created=IMAGE.created)]),
            lambda: spdx.build_image(IMAGE, documents=[spdx.build_layer(LAYER, created=LATER.created)]),
        ),
        ("serialNumber", lambda: cyclonedx.build_document(IMAGE), lambda: cyclonedx.build_document(LATER)),
        ("@id", lambda: make_vex(IMAGE, "none"), lambda: make_vex(IMAGE, "none", "some")),
    ],
    ids=["layer", "image", "cyclonedx", "openvex"],
)
def test_name_is_of_the_content(key: str, make: Callable[[], bytes], make_other: Callable[[], bytes]) -> None:
    name, same, other = (json.loads(document)[key] for document in (make(), make(), make_other()))
    assert name.startswith("urn:uuid:")
    assert (name == same, name == other) == (True, False)
