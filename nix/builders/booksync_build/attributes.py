"""The arguments of a build step, as Nix passes them with structured attributes."""

import json
import os
from pathlib import Path
from typing import Any


def load_attributes() -> dict[str, Any]:
    """Return the derivation's attributes; ``outputs`` maps output names to store paths."""
    # not NIX_ATTRS_JSON_FILE: Nix 2.8 gives the path outside of the sandbox there
    attributes: dict[str, Any] = json.loads((build_directory() / ".attrs.json").read_text())
    return attributes


def output_path(attributes: dict[str, Any]) -> Path:
    """Return the path that the step has to make."""
    return Path(attributes["outputs"]["out"])


def build_directory() -> Path:
    """Return the scratch folder that Nix removes after the build."""
    return Path(os.environ["NIX_BUILD_TOP"])


def original_name(store_path: str) -> str:
    """Return the name of a store path without its hash: ``/nix/store/HASH-NAME`` -> ``NAME``."""
    return Path(store_path).name.partition("-")[2]
