"""`nix run .#load`: the command line."""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from booksync_apps.archive import Archive, plan_archive, read_json, write_archive
from booksync_apps.ending import run_to_end
from booksync_apps.engine import QUESTIONS, Engine, find_engine
from booksync_apps.environment import required_path
from booksync_apps.errors import AppError
from booksync_apps.layout import Blob, Json, load_images, select_images
from booksync_apps.progress import Progress, format_bytes
from booksync_apps.reference import split_variant

DESCRIPTION = """\
Load images of this flake into the container engine of this machine, for the architecture that it runs, as
booksync-api-auth:latest and booksync-api-auth:VERSION. No registry is needed.
"""

EPILOG = """\
Standard output gets one line a name; standard error tells what is done, in bytes. What the engine has stays as it is.
Exit status: 0 the engine has the images under their names, 1 something failed, 2 wrong usage.

examples:
  nix run .#load                        # all images, into docker, or else podman
  nix run .#load -- podman auth data
  nix run .#load-booksync-api-auth      # builds only the one image
"""

#: What a config says of how its image runs, in the words of both the OCI image specification and the engines.
SETTINGS = (
    *("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal"),
    *("ExposedPorts", "Volumes", "Labels", "Healthcheck"),
)


def create_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="nix run .#load --",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"%(prog)s [-h] [{'|'.join(QUESTIONS)}] [IMAGE ...]",
    )
    parser.add_argument(
        "words",
        metavar="IMAGE",
        nargs="*",
        help="booksync-api-auth, or auth for short; default: all. Before them, which engine; default: one that runs",
    )
    return parser


def is_same(found: Json | None, config: Blob) -> bool:
    """Tell whether what an engine says of an image is said of ours.

    Its id is the digest of its config; that of Docker with containerd's store (its default since 29) is the digest of
    a manifest that it has made itself, so there the image is known by what is in it.
    """
    if found is None:
        return False
    if str(found.get("Id")).removeprefix("sha256:") == config.digest.removeprefix("sha256:"):
        return True
    ours = read_json(config)
    here, there = ours.get("config") or {}, found.get("Config") or {}
    layers = (found.get("RootFS") or {}).get("Layers")
    # what an engine leaves out it may also give as empty
    return layers == ours["rootfs"]["diff_ids"] and all(
        (here.get(key) or None) == (there.get(key) or None) for key in SETTINGS
    )


def load_archive(engine: Engine, archive: Archive, progress: Progress) -> None:
    """Let an engine have an image under all of its names, and make sure of it."""
    first = archive.names[0]
    if all(is_same(engine.inspect(name), archive.config) for name in archive.names):
        progress.line(f"{first}: {engine.name} has it already")
        return
    progress.line(f"{first}: {format_bytes(archive.size)} into {engine.name}")
    progress.restart()
    engine.load(lambda stream: write_archive(archive, stream, on_bytes=lambda done: progress.tick(done, archive.size)))
    for name in archive.names:
        if engine.inspect(name) is None:
            raise AppError(f"{engine.name} load ended well, but there is no image {name}")


def load(arguments: Sequence[str], *, environment: Mapping[str, str], output: TextIO, errors: TextIO) -> None:
    """Do what the command line says.

    :raises AppError: it could not be done
    """
    words = create_parser().parse_args(arguments).words
    wanted = words.pop(0) if words and words[0] in QUESTIONS else None
    images = load_images(required_path(environment, "BOOKSYNC_IMAGES", app="load"))
    selected = select_images(images, words)
    progress = Progress(errors)
    engine = find_engine(wanted, environment)
    for image in selected:
        name, ending = split_variant(image.name)
        names = [f"{name}:{tag}{ending}" for tag in ("latest", image.version)]
        load_archive(engine, plan_archive(image, architecture=engine.architecture, names=names), progress)
        print("\n".join(names), file=output, flush=True)


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def run() -> int:
        load(arguments, environment=environment, output=sys.stdout, errors=sys.stderr)
        return 0

    return run_to_end("load", run, interrupted="\nload: interrupted; the engine keeps what it has whole")
