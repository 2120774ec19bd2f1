"""An update that the mirror does not let finish says what to do, and writes no lock."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import ARCHITECTURES
from booksync_fetch.nix import Nix
from booksync_fetch.project import Project
from booksync_fetch.update import Update

if TYPE_CHECKING:
    from tests.fetch.conftest import Mirror

SOURCE = b"the source of pgvector"
SOURCE_PATH = "pool/main/p/pgvector/pgvector_1.orig.tar.gz"


class Hasher(Nix):
    """A Nix that hashes alone."""

    def __init__(self) -> None:
        """Ask nothing of a real one."""

    def hash_path(self, *_: object) -> str:
        return "sha256-a="


@pytest.fixture
def update(
    project: Project, cache: Cache, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, busybox_deb: bytes
) -> Update:
    """An update with an index that names a busybox, on a mirror that has it, and pgvector."""
    monkeypatch.setenv("DEBIAN_MIRROR", mirror.address)
    entry = mirror.add("busybox-static", busybox_deb).entry
    mirror.serve(f"/debian/{SOURCE_PATH}", SOURCE)
    project.locks.mkdir(parents=True)
    sha256 = hashlib.sha256(SOURCE).hexdigest()
    source = {"archive": "debian", "path": SOURCE_PATH, "version": "1", "sha256": sha256}
    (project.root / "nix/inputs.json").write_text(json.dumps({"debian": {}, "pgvector": source}))

    def resolve(*_: object) -> dict[str, Any]:
        packages = {architecture: {"busybox-static": entry} for architecture in ARCHITECTURES}
        return {"groups": {}, "packages": packages}

    monkeypatch.setattr("booksync_fetch.update.resolve_debian", resolve)
    return Update(project=project, cache=cache, nix=Hasher(), builder="amd64")


def test_what_the_mirror_has_is_locked(update: Update) -> None:
    update.run("debian")
    assert sorted(path.name for path in update.project.locks.iterdir()) == ["debian.json", "pgvector.json"]


def test_a_source_that_has_left_the_pool_is_to_be_named_anew(update: Update, mirror: Mirror) -> None:
    del mirror.resources[f"/debian/{SOURCE_PATH}"]
    with pytest.raises(
        BootstrapError,
        match=rf"^pgvector: expected {SOURCE_PATH} at the Debian mirror, found no such file; "
        r"set pgvector's path, version and sha256 in nix/inputs\.json .*, or name a mirror: DEBIAN_MIRROR=URL",
    ):
        update.run("debian")
    assert not list(update.project.locks.iterdir())


def test_a_package_that_a_mirror_has_not_got_yet_is_to_be_waited_for(update: Update, mirror: Mirror) -> None:
    for resource in mirror.resources.values():
        resource.statuses = [404]
    with pytest.raises(
        BootstrapError,
        match=r"^busybox-static: expected pool/\S+\.deb at the Debian mirror, whose index names it, "
        r"found no such file; run the same command later, .*, or name a mirror: DEBIAN_MIRROR=URL",
    ):
        update.run("debian")
    assert not list(update.project.locks.iterdir())
