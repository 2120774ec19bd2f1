"""Load the images as somebody does who has this checkout: `nix run .#load`, with docker's own client.

The client runs on the builder and talks to the machine's engine, as with DOCKER_HOST.
"""

import io
import os
import shlex
import sys
from pathlib import Path

from booksync_apps.load import load
from booksync_vm.machine import Machine

#: Of the engine in the machine (nix/builders/vm/engine.sh).
ENGINE_PORT = 2375


def write_client(machine: Machine, directory: Path) -> None:
    """Put a program `docker` into a directory."""
    client = directory / "docker"
    command = shlex.join(machine.model.programs.command("bin/docker"))
    client.write_text(f'#!{os.environ["BOOKSYNC_BUSYBOX"]} sh\nexec {command} "$@"\n')
    client.chmod(0o755)


def load_images(machine: Machine, directory: Path, *, host_port: int) -> list[str]:
    """Run the app, and return the names that it has loaded images under.

    :param directory: for the client
    :param host_port: leads to the engine
    """
    write_client(machine, directory)
    environment = {
        "BOOKSYNC_IMAGES": os.environ["BOOKSYNC_IMAGES"],
        "DOCKER_HOST": f"tcp://127.0.0.1:{host_port}",
        "HOME": str(directory),
        "PATH": str(directory),
    }
    output = io.StringIO()
    load(["docker"], environment=environment, output=output, errors=sys.stderr)
    return output.getvalue().split()
