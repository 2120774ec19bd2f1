"""``./bootstrap build`` and ``check``: fetch what is needed, call Nix, and say what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import ARCHITECTURES
from booksync_fetch.nix import Nix
from booksync_fetch.progress import format_bytes, say


def _is_image(name: str) -> bool:
    """Tell whether a package of the flake is an image or several."""
    return name.startswith(("booksync-", "images"))


def complete_name(name: str, names: Sequence[str]) -> str:
    """Return an image's whole name: ``auth``, ``api-auth`` and ``booksync-api-auth`` are one.

    :raises BootstrapError: there is no such image
    """
    for candidate in (name, f"booksync-{name}", f"booksync-api-{name}"):
        if candidate in names and _is_image(candidate):
            return candidate
    known = ", ".join(filter(_is_image, names))
    raise BootstrapError(f"{name}: expected the name of an image, one of: {known}")


def list_images(names: Sequence[str]) -> list[str]:
    """Return which of the flake's packages are an image for all architectures."""
    endings = ("-zstd", *(f"-{architecture}" for architecture in ARCHITECTURES))
    return [name for name in names if _is_image(name) and name != "images" and not name.endswith(endings)]


def format_table(results: Sequence[Path]) -> str:
    """Return the table of image, architecture, compressed size and digest."""
    rows = [("image", "architecture", "compressed", "digest")]
    for result in results:
        if (result / "digests.json").exists():
            digests: dict[str, Any] = json.loads((result / "digests.json").read_text())
            for name, image in digests.items():
                rows.append((name, "index", "", image["digest"]))
                for architecture, part in sorted(image["architectures"].items()):
                    rows.append((name, architecture, format_bytes(part["size"]), part["manifest"]["digest"]))
        else:  # one image of one architecture
            image = json.loads((result / "image.json").read_text())
            parts = [image["manifest"], image["config"], *image["layers"]]
            size = format_bytes(sum(part["size"] for part in parts))
            name = result.name.partition("-")[2].rpartition("-")[0]
            rows.append((name, image["platform"]["architecture"], size, image["manifest"]["digest"]))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows]
    return "\n".join(dict.fromkeys(lines))


def run_checks(nix: Nix, attributes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Build checks, going on after failures.

    :return: names that passed, and names that failed
    """
    say(f"check: building {len(attributes)} checks")
    # what is counted is what is built, also when somebody edits a source meanwhile
    derivations = {attribute: nix.find_derivations([attribute]) for attribute in attributes}
    nix.realise([path for paths in derivations.values() for path in paths])
    passed: list[str] = []
    failed: list[str] = []
    for attribute, paths in derivations.items():
        missing = nix.find_missing(nix.find_outputs(paths))
        (failed if missing else passed).append(attribute.rpartition(".")[2])
    return passed, failed
