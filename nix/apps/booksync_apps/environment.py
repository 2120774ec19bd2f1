"""What an app's wrapper tells it."""

from collections.abc import Mapping
from pathlib import Path

from booksync_apps.errors import AppError


def required_path(environment: Mapping[str, str], name: str, *, app: str) -> Path:
    """Return a path that the wrapper sets.

    :param app: whose wrapper, for the way out
    :raises AppError: it does not, or nothing is there
    """
    value = environment.get(name)
    if value and Path(value).exists():
        return Path(value)
    raise AppError(f"{name}: {f'{value} is not there' if value else 'not set'}", way_out=f"use: nix run .#{app}")
