"""The command line of ``./bootstrap``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from booksync_fetch.archive import parse_url
from booksync_fetch.nix import ARCHITECTURE_OF
from booksync_fetch.update import PARTS


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="./bootstrap",
        description="Build BookSync's OCI images from an empty machine: fetch what the locks name, then call Nix.",
        epilog="Downloads are kept in BOOKSYNC_CACHE (default: ~/.cache/booksync). Debian packages come from the "
        "mirror that apt is set to, or from DEBIAN_MIRROR; wheels and Go modules from where pip and go are set to.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    source = argparse.ArgumentParser(add_help=False)
    source.add_argument(
        "--from", dest="source", metavar="URL", type=parse_url, help="fetch from an archive, not from the registries"
    )
    build = commands.add_parser(
        "build", parents=[source], help="fetch, build the images into result/, and print their sizes and digests"
    )
    build.add_argument("images", nargs="*", metavar="IMAGE", help="only these, as auth or booksync-postgres-arm64")
    check = commands.add_parser(
        "check", parents=[source], help='fetch, run every check, and end with "N passed, N failed"'
    )
    check.add_argument(
        "--long", action="store_true", help="also the long storms, and what needs amd64's 4 GB of CUDA libraries"
    )
    fetch = commands.add_parser("fetch", parents=[source], help="fetch all that build and check need")
    fetch.add_argument("images", nargs="*", metavar="IMAGE", help="only what these images need")
    archive = commands.add_parser(
        "archive",
        help="copy all that build and check need to a Nix binary cache",
        description="Copy the artifacts that build and check need, on builders of both architectures, to a Nix binary "
        "cache: file:///srv/archive, s3://BUCKET?region=... They are known by their hashes, so that it needs no key. "
        "With --from URL, build, check and fetch take them from there, also when the registries have them no more.",
    )
    archive.add_argument("url", metavar="URL", type=parse_url, help="such as file:///srv/booksync-archive")
    archive.add_argument("images", nargs="*", metavar="IMAGE", help="only what these images need")
    update = commands.add_parser("update", help="resolve the locks anew and print what changed")
    update.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all", help="default: all")
    reproduce = commands.add_parser(
        "reproduce",
        help="build every step of the images again, compare, and write bench/reproducibility.md",
        description="Build every step of the images again and compare. Without an option: here, by this machine's Nix.",
    )
    reproduce.add_argument("images", nargs="*", metavar="IMAGE", help="only these, as auth or booksync-postgres")
    way = reproduce.add_mutually_exclusive_group()
    way.add_argument("--nix", metavar="SUITE", help="by the Nix of a suite of Debian's (trixie, sid), in a root folder")
    way.add_argument(
        "--builder",
        choices=sorted(ARCHITECTURE_OF),
        metavar="SYSTEM",
        help="by the other system's builder (aarch64-linux), emulated",
    )
    reproduce.add_argument("--report", metavar="FILE", type=Path, help="write what came of it there, not into bench/")
    commands.add_parser("venv", help="make .venv from the locked CPython and wheels, for development")
    return parser.parse_args(arguments)
