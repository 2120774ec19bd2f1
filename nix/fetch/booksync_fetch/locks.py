"""The locks: what the world supplies, by name, version and SHA-256; and the artifacts that they name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from booksync_fetch.errors import BootstrapError

NAMES = ("debian", "go", "model", "pgvector", "python", "wheels")
ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True)
class Artifact:
    """One locked thing.

    :param key: as in nix/lib/parseLocks.nix: ``debian amd64 libc6``, ``wheels arm64 fastapi``, ``python``, ...
    :param name: its name in the Nix store
    :param entry: its entry of the lock
    """

    key: str
    name: str
    entry: dict[str, Any]

    @property
    def kind(self) -> str:
        """The lock, or ``busybox``: which client fetches it."""
        return self.key.partition(" ")[0]

    @property
    def architecture(self) -> str:
        """``amd64`` or ``arm64``; empty for what both have alike."""
        return self.key.split(" ")[1] if " " in self.key else ""

    @property
    def size(self) -> int:
        """Bytes to download; 0 for what is made of other artifacts or of unknown size."""
        return int(self.entry.get("size", 0))

    @property
    def sha256(self) -> str:
        """Hex digits of the file's hash; empty for a folder, which has a NAR hash."""
        return str(self.entry.get("sha256", ""))

    @property
    def file(self) -> str:
        """The file's name at its registry."""
        return PurePosixPath(self.entry.get("file") or self.entry.get("path") or self.name).name


def to_store_name(name: str) -> str:
    """Return a file name as the Nix store can hold it: the rule of nix/lib/toStoreName.nix."""
    return re.sub(r"[^A-Za-z0-9+._?=-]", "-", name)


def load_locks(folder: Path) -> dict[str, Any]:
    """Read every lock.

    :raises BootstrapError: a lock is missing or no JSON
    """
    return {name: load_lock(folder, name) for name in NAMES}


def load_lock(folder: Path, name: str) -> Any:
    """Read one lock.

    :raises BootstrapError: it is missing or no JSON
    """
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BootstrapError(f"{path}: expected a lock, found no file; run: ./bootstrap update") from error
    except ValueError as error:
        raise BootstrapError(
            f"{path}: expected JSON, got {error}; take it from version control, or remove it and run: "
            "./bootstrap update"
        ) from error


def write_lock(folder: Path, name: str, content: Any) -> None:
    """Replace a lock as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.json.partial"
    partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    partial.replace(folder / f"{name}.json")


def parse_artifacts(locks: dict[str, Any]) -> dict[str, Artifact]:
    """Return every artifact of the locks by its key."""
    found: dict[str, Artifact] = {}

    def add(key: str, name: str, entry: dict[str, Any]) -> None:
        found[key] = Artifact(key, to_store_name(PurePosixPath(name).name), entry)

    for architecture in ARCHITECTURES:
        for package, entry in locks["debian"]["packages"][architecture].items():
            add(f"debian {architecture} {package}", entry["path"], entry)
        for wheel, entry in locks["wheels"]["wheels"][architecture].items():
            add(f"wheels {architecture} {wheel}", entry["file"], entry)
        add(f"busybox {architecture}", f"busybox-{architecture}", locks["debian"]["busybox"][architecture])
    add("python", locks["python"]["file"], locks["python"])
    add("go", locks["go"]["vendor"]["name"], locks["go"]["vendor"])
    add("model", locks["model"]["file"], locks["model"])
    add("pgvector", locks["pgvector"]["path"], locks["pgvector"])
    return found
