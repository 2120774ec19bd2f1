"""The picture in docs/ is the one that the images' data makes."""

import os
from pathlib import Path

REGENERATE = "nix build -o /tmp/architecture.svg .#architecture && cp -L /tmp/architecture.svg docs/architecture.svg"


def test_picture_is_of_these_images() -> None:
    drawn = Path(os.environ["BOOKSYNC_ARCHITECTURE"]).read_text(encoding="utf-8")
    kept = Path("docs/architecture.svg").read_text(encoding="utf-8")
    assert kept == drawn, f"the images have changed: {REGENERATE}"
