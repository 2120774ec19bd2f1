"""`nix run .#up`: the whole stack on this machine, without a container engine."""

from booksync_apps.up.cli import main

__all__ = ["main"]
