"""`nix run .#database`: the database image's PostgreSQL for development, without a container engine.

The image's layers are unpacked once below a folder of the checkout and run by bubblewrap, read-only and through the
image's own entry point, so that what is developed against is what is shipped.
"""

import argparse
import json
import shutil
import signal
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from booksync_apps.environment import required_path
from booksync_apps.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, AppError
from booksync_apps.server import serve

DESCRIPTION = """\
Run the database image's PostgreSQL with pgvector until ^C, for development and tests.

Data and the unpacked image stay in the directory; remove it to begin anew. It listens on 127.0.0.1 alone, with the
guide's sample passwords: for a trial, never for a family's data.
"""

PASSWORD = "password"  # noqa: S105 - the guide's sample


def create_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="nix run .#database --", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=5432, help="on 127.0.0.1; default: %(default)s")
    parser.add_argument(
        "--directory", type=Path, default=Path(".database"), help="for data and programs; default: %(default)s"
    )
    return parser


@dataclass(frozen=True)
class Image:
    """One architecture's image, as the flake builds it.

    :param digest: of its manifest
    :param layers: blobs, lowest first
    :param user: uid and gid, as digits
    :param command: entry point and its arguments
    :param environment: variables
    :param stop_signal: what ends it in order
    """

    digest: str
    layers: Sequence[Path]
    user: tuple[str, str]
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_signal: signal.Signals


def load_image(folder: Path) -> Image:
    """Read the image that the app's wrapper names."""
    summary = json.loads((folder / "image.json").read_text())

    def blob(descriptor: Mapping[str, str]) -> Path:
        return folder / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")

    config = json.loads(blob(summary["config"]).read_text())["config"]
    uid, gid = config["User"].split(":")
    return Image(
        digest=summary["manifest"]["digest"],
        layers=[blob(layer) for layer in summary["layers"]],
        user=(uid, gid),
        command=[*config["Entrypoint"], *config["Cmd"]],
        environment=dict(entry.split("=", 1) for entry in config["Env"]),
        stop_signal=signal.Signals[config["StopSignal"]],
    )


def write_root(image: Image, directory: Path) -> Path:
    """Unpack an image's layers below ``directory``, unless they are there, and return the root."""
    root = directory / f"root-{image.digest.removeprefix('sha256:')[:12]}"
    if root.exists():
        return root
    partial = directory / "partial"
    for old in (partial, *directory.glob("root-*")):
        shutil.rmtree(old, ignore_errors=True)
    for blob in image.layers:
        with tarfile.open(blob) as archive:
            # our own layers, verified by their digests; owners cannot be kept, folders stay writable to be removed
            archive.extractall(partial, filter=keep_writable)  # noqa: S202 - see there
    return partial.rename(root)


def keep_writable(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """Let the person who unpacks write to folders (tarfile's extraction filters)."""
    trusted = tarfile.tar_filter(member, path)
    return trusted.replace(mode=(trusted.mode or 0) | 0o700) if trusted.isdir() else trusted


def build_command(image: Image, root: Path, data: Path, *, variables: Mapping[str, str], port: int) -> list[str]:
    """Return bubblewrap's words that run the image's entry point on its root."""
    uid, gid = image.user
    variables = {**image.environment, **variables}
    return [
        *("--unshare-user", "--uid", uid, "--gid", gid, "--unshare-pid", "--unshare-ipc"),
        *("--cap-drop", "ALL", "--die-with-parent"),
        *("--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", "/run"),  # noqa: S108 - in the sandbox
        *("--bind", str(data), image.environment["PGDATA"], "--chdir", "/", "--clearenv"),
        *(word for name, value in sorted(variables.items()) for word in ("--setenv", name, value)),
        *("--", *image.command),
        *("-c", f"port={port}", "-c", "listen_addresses=127.0.0.1"),
    ]


def run(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Do what the command line says, and return the server's exit code.

    :raises AppError: it could not be done
    """
    options = create_parser().parse_args(arguments)
    image = load_image(required_path(environment, "BOOKSYNC_IMAGE", app="database"))
    directory = options.directory.absolute()
    data = directory / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = write_root(image, directory)
    command = build_command(
        image,
        root,
        data,
        variables={"POSTGRES_USER": "booksync", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "booksync"},
        port=options.port,
    )
    place = f"127.0.0.1:{options.port}/booksync"
    print(f"TEST_DATABASE_URL=postgresql+asyncpg://booksync:{PASSWORD}@{place}")
    for service in ("auth", "data", "prediction"):
        print(f"DATABASE_URL=postgresql+asyncpg://booksync_{service}:{service}_password@{place}  # {service}")
    sys.stdout.flush()
    bubblewrap = environment["BOOKSYNC_BUBBLEWRAP"].split()
    return serve(command, bubblewrap=bubblewrap, stop_signal=image.stop_signal)


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    try:
        return run(arguments, environment=environment)
    except AppError as error:
        print(f"database: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"database: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("database: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except SystemExit as error:  # argparse: help, or wrong usage
        return error.code if isinstance(error.code, int) else EXIT_USAGE
