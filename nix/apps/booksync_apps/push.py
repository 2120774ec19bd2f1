"""`nix run .#push`: the command line."""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from booksync_apps.credentials import CredentialsFile, credentials_path
from booksync_apps.delivery import Delivery
from booksync_apps.ending import run_to_end
from booksync_apps.environment import required_path
from booksync_apps.layout import load_images, select_images
from booksync_apps.oras import STALL_LIMIT_S, Oras
from booksync_apps.progress import Progress, format_count
from booksync_apps.publication import plan_publications
from booksync_apps.reference import parse_target
from booksync_apps.registry import connect
from booksync_apps.signature import PASSWORD, load_key

DESCRIPTION = """\
Push images of this flake, for all their architectures, to a registry.

Each image goes to REGISTRY/NAMESPACE/NAME: first its blobs, manifests and index by digest, then, when all images are
there, the tags. What the registry has is not sent again; layers that images share are sent once.
"""

EPILOG = """\
Credentials are those of `docker login` and `oras login` ($DOCKER_CONFIG/config.json, else ~/.docker/config.json).
Standard output gets one line an image, REFERENCE@sha256:...; standard error tells what is done, in bytes.
Exit status: 0 all images are there under all tags, 1 something failed (run it again: it goes on), 2 wrong usage.

examples:
  nix run .#push -- registry.example.org/family
  nix run .#push -- registry.example.org/family --tag 1.0.0 auth data
  nix run .#push -- localhost:5000/booksync --insecure
"""


def create_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="nix run .#push --",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="REGISTRY/NAMESPACE", help="where to, such as registry.example.org/family")
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="booksync-api-auth, or auth for short; default: all")
    parser.add_argument(
        "--tag",
        metavar="TAG",
        dest="tags",
        action="append",
        help="tag to set, may be repeated; default: the version, and latest",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="do not verify the registry's certificate, and use plain HTTP if it does not speak TLS",
    )
    parser.add_argument(
        "--no-artifacts",
        action="store_true",
        help="the images alone, without bills of materials and provenance: for registries that refuse these",
    )
    parser.add_argument(
        "--sign-key",
        metavar="FILE",
        type=Path,
        help=f"sign each index and manifest with a PEM key (ECDSA, P-256) for cosign; its password is in {PASSWORD}",
    )
    return parser


def push(arguments: Sequence[str], *, environment: Mapping[str, str], output: TextIO, errors: TextIO) -> None:
    """Do what the command line says.

    :raises AppError: it could not be done
    """
    options = create_parser().parse_intermixed_args(arguments)
    target = parse_target(options.target)
    images = load_images(required_path(environment, "BOOKSYNC_IMAGES", app="push"))
    selected = select_images(images, options.images)
    if options.no_artifacts:
        selected = [image.without_artifacts() for image in selected]
    publications = plan_publications(images, selected=selected, target=target, tags=options.tags)
    oras = required_path(environment, "BOOKSYNC_ORAS", app="push")
    key = load_key(options.sign_key, password=environment.get(PASSWORD)) if options.sign_key else None

    progress = Progress(errors)
    credentials = CredentialsFile(credentials_path(environment), environment)
    registry = connect(
        target.registry,
        insecure=options.insecure,
        credential=credentials.load(target.registry),
        environment=environment,
    )
    if registry.transport == "plain" and not target.is_local:
        progress.line(f"{target.registry}: plain HTTP, which anybody on the way can read and change")
    delivery = Delivery(
        registry=registry,
        oras=Oras(
            program=oras,
            transport=registry.transport,
            environment=environment,
            stall_limit=float(environment.get("BOOKSYNC_STALL_LIMIT", STALL_LIMIT_S)),
        ),
        credentials=credentials,
        progress=progress,
        key=key,
    )
    total = delivery.run(publications, output=output)
    progress.line(
        f"{format_count(len(publications), 'image')}: {total}, {total.moved} bytes sent in {progress.elapsed()}"
    )


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    # so that what is left half-way is left in order: oras is ended before us
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def run() -> int:
        push(arguments, environment=environment, output=sys.stdout, errors=sys.stderr)
        return 0

    return run_to_end("push", run, interrupted="\npush: interrupted; the same command goes on from there")
