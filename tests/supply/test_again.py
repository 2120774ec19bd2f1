"""A machine with other habits makes the same documents, byte for byte (`booksync_build.variation`)."""

import os
from pathlib import Path

from booksync_testing.layout import Layout


def test_documents_are_the_same(layout: Layout) -> None:
    other = Path(os.environ["BOOKSYNC_VARIED_IMAGES"]).resolve()
    assert other != layout.path.parent
    assert (other / layout.path.name / "referrers.json").read_bytes() == (layout.path / "referrers.json").read_bytes()
