"""``./bootstrap reproduce``: build images again, here or elsewhere, and say what came of it."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache
from booksync_fetch.locks import ARCHITECTURES
from booksync_fetch.nix import ARCHITECTURE_OF, Nix
from booksync_fetch.other_nix import OtherNix
from booksync_fetch.plan import list_wanted
from booksync_fetch.project import Project
from booksync_fetch.rebuild import list_steps, name_of, rebuild_steps
from booksync_fetch.reproducibility import Run

#: Kernel's name of a machine, and the loader of its libc, of Nix's system.
TRIPLETS = {
    "x86_64-linux": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64-linux": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


class Reproduction:
    """What the ways of building again share.

    :param images: names of images
    """

    def __init__(self, *, project: Project, nix: Nix, system: str, images: Sequence[str]) -> None:
        self.project = project
        self.nix = nix
        self.system = system
        self.images = images
        self.date = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")

    def attributes(self, system: str) -> list[str]:
        """Return the images' attributes for a builder's system, an architecture each."""
        return [f"packages.{system}.{name}-{architecture}" for name in self.images for architecture in ARCHITECTURES]

    def load_digests(self, outputs: Sequence[Path]) -> dict[tuple[str, str], str]:
        """Return the digests of the manifests of built images: (image, architecture) -> digest."""
        names = [(name, architecture) for name in self.images for architecture in ARCHITECTURES]
        return {
            name: json.loads((output / "image.json").read_text())["manifest"]["digest"]
            for name, output in zip(names, outputs)
        }

    def build(self, system: str) -> dict[tuple[str, str], str]:
        """Build the images by a system's builder and return their digests."""
        attributes = self.attributes(system)
        # one call, and one output at a time: Nix does not say which is which
        self.nix.run("nix", ["build", "--no-link", *self.nix.installables(attributes)])
        outputs = [self.nix.find_outputs(self.nix.find_derivations([attribute]))[0] for attribute in attributes]
        return self.load_digests([Path(output) for output in outputs])

    def rebuild_here(self) -> Run:
        """Rebuild every step and compare."""
        version = ".".join(str(part) for part in self.nix.version)
        run = Run("here", f"each step built again on {self.system} by Nix {version}", self.date)
        digests = self.build(self.system)
        artifacts = [item.path for item in list_wanted(self.nix.load_derivations(self.attributes(self.system)))]
        steps: dict[tuple[str, str], dict[str, str]] = {}
        for (name, architecture), attribute in zip(digests, self.attributes(self.system)):
            steps[name, architecture] = list_steps(self.nix, self.nix.find_derivations([attribute]), artifacts)
        together = {step: output for found in steps.values() for step, output in found.items()}
        self.nix.realise(list(together))
        differences = rebuild_steps(self.nix, together)
        for (name, architecture), digest in digests.items():
            found = [
                f"{name_of(step)}: {differences[step]}" for step in steps[name, architecture] if step in differences
            ]
            run.add(name, architecture, digest=digest, difference="; ".join(found))
        return run

    def rebuild_with(self, suite: str, cache: Cache, tools: Path) -> Run:
        """Rebuild every step with the Nix of a suite of Debian's, and compare what it makes with what is made here."""
        digests = self.build(self.system)
        triplet, loader = TRIPLETS[self.system]
        libraries = tools / "usr/lib" / triplet
        bubblewrap = [str(libraries / loader), "--library-path", str(libraries), str(tools / "usr/bin/bwrap")]
        with tempfile.TemporaryDirectory(prefix="reproduce-", dir=cache.root) as folder:
            other = OtherNix(project=self.project, cache=cache, suite=suite, bubblewrap=bubblewrap, folder=Path(folder))
            other.make_root(ARCHITECTURE_OF[self.system])
            report: dict[str, Any] = json.loads(other.run(self.images, self.nix).read_text())
        there = Run(**report)
        how = f"{there.how} of Debian's {suite}, as another user, in a checkout of another path, without a network"
        run = Run(f"nix-{suite}", how, self.date)
        for (name, architecture), digest in digests.items():
            entry = there.images[name][architecture]
            difference = entry["difference"]
            if entry["digest"] != digest:
                difference = difference or f"the digest is {entry['digest']}"
            run.add(name, architecture, digest=digest, difference=difference)
        return run

    def build_by(self, system: str) -> Run:
        """Build the images by the other system's builder, with programs of its own, and compare the digests."""
        run = Run(f"builder-{system}", f"built by the builder for {system}, emulated by QEMU", self.date)
        here = self.build(self.system)
        self.nix.options += ["--option", "extra-platforms", system]
        there = self.build(system)
        for (name, architecture), digest in here.items():
            other = there[name, architecture]
            difference = "" if other == digest else f"the digest is {other}"
            run.add(name, architecture, digest=digest, difference=difference)
        return run
