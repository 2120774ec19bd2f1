"""`nix run .#database`: the database image's PostgreSQL for development, without a container engine.

It runs through the image's own entry point, so that what is developed against is what is shipped.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from booksync_apps.container import build_words
from booksync_apps.ending import run_to_end
from booksync_apps.environment import required_path
from booksync_apps.image import load_image
from booksync_apps.namespaces import check_namespaces
from booksync_apps.roots import Roots, write_roots
from booksync_apps.server import serve
from booksync_apps.state import check_ours, hold

DESCRIPTION = """\
Run the database image's PostgreSQL with pgvector until ^C, for development and tests.

Data and the unpacked image stay in the directory; remove it to begin anew. It listens on 127.0.0.1 alone, with the
guide's sample passwords: for a trial, never for a family's data.
"""

#: All that is in a folder of the first version, which made no lock.
FIRST_NAMES = re.compile(r"data|partial|root-[0-9a-f]{12}")

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


def is_of_first_version(directory: Path) -> bool:
    """Tell whether a folder has a database and an unpacked image, as the first version left them, and nothing else."""
    return (directory / "data/PG_VERSION").exists() and all(
        FIRST_NAMES.fullmatch(path.name) for path in directory.iterdir()
    )


def run(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Do what the command line says, and return the server's exit code.

    :raises AppError: it could not be done
    """
    options = create_parser().parse_args(arguments)
    image = load_image(required_path(environment, "BOOKSYNC_IMAGE", app="database"))
    bubblewrap = environment["BOOKSYNC_BUBBLEWRAP"].split()
    directory = options.directory.absolute()
    if not is_of_first_version(directory):
        check_ours(directory)
    check_namespaces(bubblewrap)
    with hold(directory, ports={"postgres": options.port}, way_out="end that one, or name another --directory"):
        data = directory / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        roots = Roots(directory)
        root = write_roots(roots, image)
        roots.remove_others([image])
        words = build_words(
            image,
            root,
            variables={"POSTGRES_USER": "booksync", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "booksync"},
            binds={image.environment["PGDATA"]: data},
            arguments=["-c", f"port={options.port}", "-c", "listen_addresses=127.0.0.1"],
        )
        place = f"127.0.0.1:{options.port}/booksync"
        print(f"TEST_DATABASE_URL=postgresql+asyncpg://booksync:{PASSWORD}@{place}")
        for service in ("auth", "data", "prediction"):
            print(f"DATABASE_URL=postgresql+asyncpg://booksync_{service}:{service}_password@{place}  # {service}")
        sys.stdout.flush()
        return serve(words, image=image, bubblewrap=bubblewrap)


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    return run_to_end("database", lambda: run(arguments, environment=environment), interrupted="database: interrupted")
