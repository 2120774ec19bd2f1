"""What the byte tests find in their environment."""

import json
import os
from pathlib import Path

import pytest


def required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set; run these tests with: nix build .#checks.x86_64-linux.bytes-unit")
    return value


@pytest.fixture(scope="session")
def golden_images() -> Path:
    """The ``images`` folder that the check has built of the tiny fixture."""
    return Path(required("BOOKSYNC_GOLDEN"))


@pytest.fixture(scope="session")
def zstd_images() -> Path:
    """The same, compressed with zstd."""
    return Path(required("BOOKSYNC_GOLDEN_ZSTD"))


@pytest.fixture(scope="session")
def zstd() -> list[str]:
    """How to run zstd."""
    command: list[str] = json.loads(required("BOOKSYNC_ZSTD"))
    return command


@pytest.fixture(scope="session")
def installer() -> str:
    """The wheel of pypa/installer."""
    return required("BOOKSYNC_INSTALLER")
