"""Write one image to standard output for `docker load`: what a NixOS machine gives its engine at a start."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from booksync_apps.archive import Archive, write_archive
from booksync_apps.ending import run_to_end
from booksync_apps.environment import required_path
from booksync_apps.errors import UsageError
from booksync_apps.layout import Blob, Json


def plan_archive(folder: Path, *, reference: str) -> Archive:
    """Find the blobs of an image as mkImage makes it."""
    summary = json.loads((folder / "image.json").read_text())

    def blob(descriptor: Json) -> Blob:
        path = folder / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")
        size = path.stat().st_size
        return Blob(digest=descriptor["digest"], path=path, size=size, label=descriptor["digest"], mountable=True)

    layers = tuple(blob(layer) for layer in summary["layers"])
    return Archive(names=(reference,), config=blob(summary["config"]), layers=layers)


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""

    def run() -> int:
        if arguments:
            raise UsageError(f"expected no arguments, got {arguments[0]!r}")
        folder = required_path(environment, "BOOKSYNC_IMAGE", app="stream")
        archive = plan_archive(folder, reference=environment["BOOKSYNC_REFERENCE"])
        with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as output:
            write_archive(archive, output, on_bytes=lambda _: None)
        return 0

    return run_to_end("stream", run, interrupted="stream: interrupted")
