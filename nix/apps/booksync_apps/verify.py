"""`nix run .#verify`: the command line."""

import argparse
import hashlib
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from booksync_apps.comparison import Comparison
from booksync_apps.credentials import CredentialsFile, credentials_path
from booksync_apps.diagnosis import PULLING, Circumstances, explain
from booksync_apps.ending import run_to_end
from booksync_apps.environment import required_path
from booksync_apps.errors import EXIT_FAILED, EXIT_USAGE, AppError
from booksync_apps.layout import Blob, Image, load_images
from booksync_apps.oras import Oras, OrasError
from booksync_apps.progress import Progress, format_bytes
from booksync_apps.reference import Reference, choose_image, parse_reference
from booksync_apps.registry import Registry, connect
from booksync_apps.terminal import printable
from booksync_apps.transport import NoAnswerError

DESCRIPTION = """\
Say whether an image of a registry is the one that this flake builds, for all its architectures.

Its index is fetched, and its digest computed here. Where it is that of the image that was built here, everything below
it is asked for too: a digest stands for its bytes. Where it is another one, the first layer and the first file that
differ are named. A tag has to lead to all architectures; a digest may be that of one architecture's manifest.
"""

EPILOG = """\
Credentials are those of `docker login`. Standard output gets one line: REFERENCE@sha256:..., or what differs.
Exit status: 0 equal, 1 not equal, 2 it cannot be said (the reason is on standard error).

examples:
  nix run .#verify -- registry.example.org/family/booksync-api-auth:1.0.0
  nix run .#verify-booksync-postgres -- localhost:5000/booksync/booksync-postgres --insecure
"""


class UndecidedError(AppError):
    """It cannot be said whether the images are equal."""

    exit_code = EXIT_USAGE


def create_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="nix run .#verify --",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("reference", metavar="REFERENCE", help="REGISTRY/NAMESPACE/NAME, with :TAG or @DIGEST")
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="do not verify the registry's certificate, and use plain HTTP if it does not speak TLS",
    )
    return parser


@dataclass(frozen=True)
class RemoteRepository:
    """A repository as oras reads it, with errors for people."""

    oras: Oras
    reference: Reference
    credentials: str

    def fetch_manifest(self, digest: str) -> bytes:
        """Return the bytes of a manifest, by its digest or tag."""
        try:
            return self.oras.fetch_manifest(self.reference.with_suffix(digest))
        except OrasError as error:
            raise self.explained(error, digest) from error

    def fetch_blob(self, digest: str, path: Path, *, size: int) -> None:
        """Write a blob to a path."""
        try:
            self.oras.fetch_blob(self.reference.with_suffix(digest), path, size=size)
        except OrasError as error:
            raise self.explained(error, digest) from error

    def explained(self, error: OrasError | NoAnswerError, what: str) -> AppError:
        """Say what could not be read, and the way out."""
        circumstances = Circumstances(
            registry=self.reference.registry,
            subject=f"{what} of {self.reference.repository}",
            credentials=self.credentials,
            arrived="nothing",
        )
        return explain(str(error), circumstances=circumstances, failures=PULLING)


def find_missing(parts: Iterable[Blob], registry: Registry, repository: str) -> str:
    """Return the label of what of an image the registry does not have; empty when it has all."""
    for blob in parts:
        # manifests are what cannot be mounted
        found = (
            registry.has_blob(repository, blob.digest)
            if blob.mountable
            else registry.manifest_digest(repository, blob.digest) is not None
        )
        if not found:
            return f"{blob.label}, {blob.digest}"
    return ""


def verify(arguments: Sequence[str], *, environment: Mapping[str, str], output: TextIO, errors: TextIO) -> int:
    """Do what the command line says; return the exit code.

    :raises AppError: it could not be done
    """
    options = create_parser().parse_intermixed_args(arguments)
    reference = parse_reference(options.reference)
    image = choose_image(load_images(required_path(environment, "BOOKSYNC_IMAGES", app="verify")), reference)
    credentials = CredentialsFile(credentials_path(environment), environment)
    progress = Progress(errors)
    registry = connect(
        reference.registry,
        insecure=options.insecure,
        credential=credentials.load(reference.registry),
        environment=environment,
    )
    remote = RemoteRepository(
        oras=Oras(
            program=required_path(environment, "BOOKSYNC_ORAS", app="verify"),
            transport=registry.transport,
            environment=environment,
        ),
        reference=reference,
        credentials=credentials.describe(reference.registry),
    )
    content = remote.fetch_manifest(reference.suffix)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    progress.line(f"{reference}: {digest}; {image.name} {image.version} here: {image.digest}")
    # who names one platform's manifest by its digest means that alone; a tag is for all
    accepted = image.signed if reference.digest else [image.digest]
    parts = image.parts_of(digest) if digest in accepted else []
    difference = find_loss(parts, registry, remote) if parts else explain_difference(content, image, remote)
    if difference:
        # versions, paths and digests of the other image are whatever somebody has written there
        print(f"{reference}: not equal: {printable(difference)}", file=output)
        return EXIT_FAILED
    whole = format_bytes(sum(blob.size for blob in parts))
    progress.line(f"equal{'' if digest == image.digest else ', one platform'}: {whole} by their digests")
    print(reference.with_suffix(digest), file=output)
    return 0


def find_loss(parts: Iterable[Blob], registry: Registry, remote: RemoteRepository) -> str:
    """Say what of an image that is ours the registry does not have; empty when it has all.

    :raises AppError: it does not say
    """
    try:
        missing = find_missing(parts, registry, remote.reference.repository)
    except NoAnswerError as error:
        raise remote.explained(error, "a part") from error
    return f"{missing}: is not there" if missing else ""


def explain_difference(content: bytes, image: Image, remote: RemoteRepository) -> str:
    """Say how an image that is not ours differs.

    :param content: of the manifest or index that the reference leads to
    :raises AppError: it is no image
    """
    try:
        return Comparison(image=image, repository=remote).explain(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AppError(f"{remote.reference} is not an OCI image ({type(error).__name__}: {error})") from error


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def run() -> int:
        try:
            return verify(arguments, environment=environment, output=sys.stdout, errors=sys.stderr)
        except AppError as error:
            raise UndecidedError(error.what, way_out=error.way_out) from error
        except OSError as error:  # of this machine: it says nothing about the image
            raise UndecidedError(str(error)) from error
        except Exception as error:  # Python's own exit code for it is that of "not equal"
            raise UndecidedError(f"{type(error).__name__}: {error}") from error

    return run_to_end("verify", run, interrupted="\nverify: interrupted")
