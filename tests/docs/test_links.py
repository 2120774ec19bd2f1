"""What the documents link to is there: files, and headings in them."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCUMENTS = sorted(
    [*Path().glob("*.md"), *(path for name in ("docs", "deploy", "bench") for path in Path(name).rglob("*.md"))]
)
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def list_anchors(document: Path) -> Iterator[str]:
    """Yield the anchors of a document's headings, as GitHub and GitLab make them."""
    for heading in HEADING.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = (sign for sign in words if sign in "-_ " or unicodedata.category(sign)[0] in "LNM")
        yield "".join(kept).replace(" ", "-")


def list_links(document: Path) -> list[str]:
    """Return what a document links to within the project."""
    return LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def test_there_are_documents_with_links() -> None:
    assert Path("README.md") in DOCUMENTS
    assert sum(len(list_links(document)) for document in DOCUMENTS) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    for link in list_links(document):
        name, _, anchor = link.partition("#")
        # by name: a folder may be a link here
        target = document if not name else Path(os.path.normpath(document.parent / name))
        assert target.exists(), f"{document} links to {link}, which is not there"
        if anchor:
            assert anchor in set(list_anchors(target)), f"{document} links to {link}, and {target} has no such heading"
