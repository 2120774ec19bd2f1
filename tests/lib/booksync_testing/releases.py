"""Images and containers of the stand-in engine, and the stack's own script that brings the ones into the others."""

import re

from booksync_testing.sandbox import Result
from booksync_testing.server import ScriptServer

#: What `nix run .#load` brings.
LOCAL = {
    "postgres": "booksync-postgres:latest",
    "auth-api": "booksync-api-auth:latest",
    "data-api": "booksync-api-data:latest",
    "prediction-api": "booksync-api-prediction:latest-onnx",
}


def add_image(server: ScriptServer, place: str, name: str, *, letter: str, health: str = "healthy") -> None:
    """Put an image into the engine or the registry; one of a registry has a digest too.

    :param place: images, or registry.
    :param letter: makes its id and, as a capital, its digest.
    :param health: what becomes of its container.
    """
    folder, _, rest = name.rpartition("/")
    digest = f"{folder}/{re.split('[:@]', rest)[0]}@sha256:{letter.upper() * 64}" if folder else ""
    for known in [name] if place == "registry" or not digest else [name, digest]:
        file = server.engine / place / known.replace("/", "%")
        file.write_text(f"sha256:{letter * 64} {health} {digest}\n")


def add_first_version(server: ScriptServer) -> None:
    """Put the first images into the engine."""
    for number, name in enumerate(LOCAL.values()):
        add_image(server, "images", name, letter="abcd"[number])


def deploy(server: ScriptServer, *arguments: str, stdin: str = "") -> Result:
    """Run deploy.sh."""
    return server.run("scripts/deploy.sh", *arguments, stdin=stdin)


def running(server: ScriptServer) -> dict[str, str]:
    """Return the image of each container by name."""
    return {path.name: path.read_text().split()[0] for path in (server.engine / "containers").iterdir()}


def identities(server: ScriptServer) -> dict[str, str]:
    """Return the id of each container's image."""
    return {path.name: path.read_text().split()[1] for path in (server.engine / "containers").iterdir()}


def read_env(server: ScriptServer) -> dict[str, str]:
    """Return what .env sets."""
    lines = (server.folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
