"""Load images as somebody does who has this checkout, with docker's own client: `nix run .#load`, and `docker import`.

The client runs on the builder and talks to the machine's engine, as with DOCKER_HOST.
"""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from booksync_apps.load import load
from booksync_testing.programs import SHEBANG, write_program
from booksync_testing.web import free_port
from booksync_vm.machine import Machine

#: Of the engine in the machine (nix/builders/vm/engine.sh).
ENGINE_PORT = 2375

#: Of an image's root, into an emulated machine.
IMPORT_SECONDS = 1800


class Client:
    """A program `docker` on the builder, for the machine's engine.

    :param directory: for the program
    """

    def __init__(self, machine: Machine, directory: Path) -> None:
        port = free_port()
        machine.forward_port(port, ENGINE_PORT)
        self.program = directory / "docker"
        command = shlex.join(machine.model.programs.command("bin/docker"))
        write_program(self.program, f'{SHEBANG}exec {command} "$@"\n')
        self.environment = {
            "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
            "HOME": str(directory),
            "PATH": str(directory),
        }

    def load_images(self) -> list[str]:
        """Run the app, and return the names that it has loaded images under."""
        environment = self.environment | {"BOOKSYNC_IMAGES": os.environ["BOOKSYNC_IMAGES"]}
        output = io.StringIO()
        load(["docker"], environment=environment, output=output, errors=sys.stderr)
        return output.getvalue().split()

    def import_root(self, archive: Path, name: str) -> None:
        """Make an image of a root file system's tar."""
        subprocess.run(
            [self.program, "import", str(archive), name],
            env=self.environment,
            check=True,
            timeout=IMPORT_SECONDS,
        )
