"""The changes that `bench.layers` replays: each edits a copy of the checkout, as a person or an update would."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache
from booksync_fetch.debian_index import is_newer, load_indexes
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import ARCHITECTURES

PLATFORMS = {"amd64": "manylinux_2_28_x86_64", "arm64": "manylinux_2_28_aarch64"}
AUTH, DATA = "booksync-api-auth", "booksync-api-data"
PREDICTION, POSTGRES = "booksync-api-prediction-onnx", "booksync-postgres"


@dataclass(frozen=True)
class Change:
    """One change.

    :param images: those that it is measured for
    :param apply: edits the checkout
    """

    name: str
    images: Sequence[str]
    apply: Callable[[Path, Cache], None]


def replace(path: str, old: str, new: str) -> Callable[[Path, Cache], None]:
    """Edit one place of a file, which has to be there."""

    def apply(root: Path, _cache: Cache) -> None:
        text = (root / path).read_text()
        if text.count(old) != 1:
            raise BootstrapError(
                f"{path}: expected {old!r} once, found it {text.count(old)} times; edit bench/layers/changes.py"
            )
        (root / path).write_text(text.replace(old, new))

    return apply


def append(path: str, text: str) -> Callable[[Path, Cache], None]:
    """Add a line to a file."""

    def apply(root: Path, _cache: Cache) -> None:
        with (root / path).open("a") as file:
            file.write(text)

    return apply


def edit_lock(root: Path, name: str, entries: Callable[[Any, str], dict[str, Any]], key: str) -> None:
    """Replace an entry of a lock for each architecture."""
    path = root / f"nix/lock/{name}.json"
    lock = json.loads(path.read_text())
    for architecture in ARCHITECTURES:
        lock[key][architecture].update(entries(lock[key][architecture], architecture))
    path.write_text(json.dumps(lock))


def take_previous_wheel(package: str) -> Callable[[Path, Cache], None]:
    """Lock the newest version of a package before the locked one: the bytes of a bump, the other way round."""

    def apply(root: Path, _cache: Cache) -> None:
        def previous(wheels: Any, architecture: str) -> dict[str, Any]:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(
                    [
                        *(
                            sys.executable,
                            "-m",
                            "pip",
                            "download",
                            "--quiet",
                            "--disable-pip-version-check",
                            "--no-deps",
                        ),
                        *("--only-binary", ":all:", "--python-version", "3.12", "--implementation", "cp"),
                        *("--platform", PLATFORMS[architecture], "--platform", "any", "--dest", folder),
                        f"{package}<{wheels[package]['version']}",
                    ],
                    check=True,
                )
                (file,) = Path(folder).iterdir()
                content = file.read_bytes()
            version = file.name.split("-")[1]
            digest = hashlib.sha256(content).hexdigest()
            return {package: {"file": file.name, "sha256": digest, "size": len(content), "version": version}}

        edit_lock(root, "wheels", previous, "wheels")

    return apply


def take_package_of_sid(names: Sequence[str]) -> Callable[[Path, Cache], None]:
    """Lock the first package of some that Debian's unstable has a newer version of."""

    def apply(root: Path, cache: Cache) -> None:
        indexes = load_indexes([{"archive": "debian", "suite": "sid"}], cache, may_be_old=True)

        def newer(packages: Any, architecture: str) -> dict[str, Any]:
            for name in names:
                fields = indexes[architecture].package(name)
                if is_newer(fields["Version"], packages[name]["version"]):
                    return {
                        name: {
                            "archive": "debian",
                            "path": fields["Filename"],
                            "sha256": fields["SHA256"],
                            "size": int(fields["Size"]),
                            "version": fields["Version"],
                        }
                    }
            raise BootstrapError(f"{', '.join(names)}: expected a newer version of one in sid, found none")

        edit_lock(root, "debian", newer, "packages")

    return apply


LINE = '\nCHANGED = "a line more"\n'

CHANGES = (
    Change("a line of auth", [AUTH], append("services/auth/src/booksync_api_auth/main.py", LINE)),
    Change("a line of data", [DATA], append("services/data/src/booksync_api_data/main.py", LINE)),
    Change(
        "a line of what the services share",
        [AUTH, DATA, PREDICTION],
        append("services/common/src/booksync_common/logs.py", LINE),
    ),
    Change("a pure wheel that all share (idna)", [AUTH, DATA, PREDICTION], take_previous_wheel("idna")),
    Change("a compiled wheel that all share (httptools)", [AUTH, DATA, PREDICTION], take_previous_wheel("httptools")),
    Change("a wheel of auth's own (cryptography)", [AUTH], take_previous_wheel("cryptography")),
    Change(
        "a package of the base",
        [AUTH, DATA, PREDICTION, POSTGRES],
        take_package_of_sid(["tzdata", "ca-certificates", "bash", "busybox-static"]),
    ),
    Change(
        "a package of PostgreSQL's", [POSTGRES], take_package_of_sid(["libxml2", "libkrb5-3", "libldap2", "libicu76"])
    ),
    Change("pgvector", [POSTGRES], replace("nix/builders/booksync_build/pgvector.py", '"-O2"', '"-Os"')),
    Change(
        "CPython",
        [AUTH, DATA, PREDICTION],
        replace("nix/images/selection.nix", '    "lib/python3.12/turtle*"\n', ""),
    ),
    Change(
        "the model",
        [PREDICTION],
        replace("nix/builders/booksync_build/bert.py", 'producer_name="booksync"', 'producer_name="BookSync"'),
    ),
)
