"""`nix run .#up`: the command line."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from booksync_apps.ending import run_to_end
from booksync_apps.environment import required_path
from booksync_apps.errors import UsageError
from booksync_apps.image import Image, load_image
from booksync_apps.up.commands import down, logs, reset, status
from booksync_apps.up.folder import Folder
from booksync_apps.up.services import NAMES, default_port
from booksync_apps.up.start import start

DESCRIPTION = """\
Run BookSync on this machine, without a container engine and without root: PostgreSQL and the three APIs from their
images' own files, on 127.0.0.1 alone.
"""

EPILOG = """\
up starts everything, tells when it is ready and where, and shows its logs until ^C. What dies is started again.
The folder keeps the database, the logs, the unpacked images, and settings.env: secrets that are made once, and whatever
else is written there for the services, as in MANGACOLLEC_CLIENT_ID=...

examples:
  nix run .#up
  nix run .#up -- --port postgres=5433     # where 5432 is taken
  nix run .#up -- logs -f auth
  nix run .#up -- down
Exit status: 0 done (status: all are ready), 1 something failed, 2 wrong usage.
"""


def create_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="nix run .#up --",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_directory(parser, default=None)
    parser.set_defaults(command="up", ports=[], own_ports=[], detach=False)
    add_up_options(parser, ports="ports")
    commands = parser.add_subparsers(title="commands (default: up)", metavar="")
    for name, summary in (
        ("up", "start everything"),
        ("down", "end what up has started, in order"),
        ("status", "say of each service where it is and how it does"),
        ("logs", "show what the services have said"),
        ("reset", "delete the database, its passwords, the logs and the unpacked images"),
    ):
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        command.set_defaults(command=name)
        # what was said before the command's name stands
        add_directory(command, default=argparse.SUPPRESS)
        if name == "up":
            # a command's values replace those before it under the same name
            add_up_options(command, ports="own_ports")
        elif name == "logs":
            command.add_argument("-f", "--follow", action="store_true", help="go on until ^C, or until the stack ends")
            command.add_argument(
                "services", nargs="*", metavar="SERVICE", help=f"{', '.join(NAMES)}; default: all, and up itself"
            )
        elif name == "reset":
            command.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def add_directory(parser: argparse.ArgumentParser, *, default: object) -> None:
    """Let a parser know the folder."""
    parser.add_argument(
        "--directory", type=Path, default=default, help="for all that stays; default: booksync in XDG_STATE_HOME"
    )


def add_up_options(parser: argparse.ArgumentParser, *, ports: str) -> None:
    """Let a parser know what a start can be told.

    :param ports: name of the list that it keeps them in
    """
    parser.add_argument(
        "--port",
        dest=ports,
        action="append",
        type=parse_port,
        default=argparse.SUPPRESS,
        metavar="SERVICE=PORT",
        help="another port for one of them",
    )
    parser.add_argument(
        "-d",
        "--detach",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show what they say until all are ready, then end and let them run",
    )


def parse_port(text: str) -> tuple[str, int]:
    """Read `auth=9000`."""
    name, _, number = text.partition("=")
    if name not in NAMES or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(NAMES)}, =, a port; got {text!r}")
    return name, int(number)


def find_directory(environment: Mapping[str, str]) -> Path:
    """Return the folder that is used by default (XDG Base Directory Specification).

    :raises UsageError: there is no home
    """
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    # relative ones are to be ignored
    if Path(state).is_absolute():
        return Path(state) / "booksync"
    if Path(home).is_absolute():
        return Path(home) / ".local/state/booksync"
    raise UsageError("HOME is not set", way_out="name a folder: --directory DIRECTORY")


def run(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Do what the command line says, and return the exit code.

    :raises AppError: it could not be done
    """
    options = create_parser().parse_args(arguments)
    folder = Folder((options.directory or find_directory(environment)).absolute())
    match options.command:
        case "down":
            return down(folder)
        case "status":
            return status(folder)
        case "logs":
            unknown = sorted(set(options.services) - set(NAMES))
            if unknown:
                raise UsageError(f"there is no service {unknown[0]!r}", way_out=f"known: {', '.join(NAMES)}")
            return logs(folder, services=options.services, follow=options.follow, environment=environment)
        case "reset":
            return reset(folder, is_sure=options.yes)
    images = load_stack(environment)
    ports = {name: default_port(image) for name, image in images.items()} | dict(options.ports + options.own_ports)
    bubblewrap = environment["BOOKSYNC_BUBBLEWRAP"].split()
    return start(folder, images, ports=ports, bubblewrap=bubblewrap, detach=options.detach, environment=environment)


def load_stack(environment: Mapping[str, str]) -> dict[str, Image]:
    """Read the images that the wrapper names."""
    return {name: load_image(required_path(environment, f"BOOKSYNC_{name.upper()}_IMAGE", app="up")) for name in NAMES}


def main(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run the app; return its exit code."""
    return run_to_end("up", lambda: run(arguments, environment=environment), interrupted="")
