"""The commands of ``./bootstrap``."""

from __future__ import annotations

import argparse
import errno
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from booksync_fetch.archive import copy_from, copy_to
from booksync_fetch.arguments import parse_arguments
from booksync_fetch.build import complete_name, format_table, list_images, run_checks
from booksync_fetch.cache import default_folder, open_cache, open_lock
from booksync_fetch.emulation import enter_emulation, is_registered
from booksync_fetch.errors import BootstrapError
from booksync_fetch.fetch import Fetch
from booksync_fetch.locks import load_locks, parse_artifacts
from booksync_fetch.nix import ARCHITECTURE_OF, Nix, builder_system
from booksync_fetch.plan import find_unbuilt, list_wanted
from booksync_fetch.progress import say
from booksync_fetch.project import Project
from booksync_fetch.reproduce import Reproduction
from booksync_fetch.reproducibility import format_runs, load_runs, merge_runs, write_runs
from booksync_fetch.update import PARTS, Update
from booksync_fetch.venv import write_venv


class Bootstrap:
    """What the commands share.

    :param root: the folder of flake.nix
    :param source: the archive that artifacts come from; empty for the registries
    """

    def __init__(self, root: Path, *, source: str = "") -> None:
        self.project = Project(root)
        self.source = source
        self.system = builder_system()
        self.builder = ARCHITECTURE_OF[self.system]
        open_lock(default_folder()).close()
        self.project.ensure_writable()
        self.nix = Nix(root)

    def fetch(self, attributes: Sequence[str], *, build: bool = True) -> list[str]:
        """Put what attributes of the flake are made of into the store; return the artifacts' store paths.

        :param build: whether there must be room to build them too
        """
        artifacts = parse_artifacts(load_locks(self.project.locks))
        derivations = self.nix.load_derivations(attributes)
        tops = [Path(path).name for path in self.nix.find_derivations(attributes)]
        missing = self.nix.find_missing([path for derivation in derivations.values() for path in derivation.outputs])
        unbuilt = find_unbuilt(derivations, tops, missing) if build else set()
        wanted = list_wanted(derivations)
        if self.source:
            copy_from(self.source, [item.path for item in wanted], self.nix)
        with open_cache(default_folder()) as cache:
            fetch = Fetch(project=self.project, cache=cache, artifacts=artifacts, builder=self.builder)
            fetch.run(wanted, self.nix, unbuilt=unbuilt)
        return [item.path for item in wanted]

    def packages(self, names: Sequence[str], *, system: str = "") -> list[str]:
        """Return the attributes of images by their names, of all images when there are none."""
        packages = f"packages.{system or self.system}"
        known = self.nix.list_names(packages)
        return [f"{packages}.{complete_name(name, known)}" for name in names or ["images"]]

    def sandbox(self, *, system: str = "") -> str:
        """Return the attribute of what apps run images with."""
        return f"packages.{system or self.system}.dev-bubblewrap"

    def checks(self, *, long: bool, system: str = "") -> list[str]:
        """Return the attributes of the checks."""
        system = system or self.system
        sets = [f"checks.{system}", *([f"longChecks.{system}"] if long else [])]
        return [f"{attribute}.{name}" for attribute in sets for name in self.nix.list_names(attribute)]

    def build(self, images: Sequence[str]) -> int:
        """Fetch and build images, fetch what `nix run` runs them with, and print their table."""
        attributes = self.packages(images)
        self.fetch([*attributes, self.sandbox()])
        print(format_table(self.nix.build(attributes, link=self.project.root / "result")))
        return 0

    def archive(self, url: str, images: Sequence[str]) -> int:
        """Fetch what builders of both architectures need, copy it to an archive, and print its address."""
        paths: set[str] = set()
        for system in ARCHITECTURE_OF:
            attributes = [*self.packages(images, system=system), self.sandbox(system=system)]
            if not images:
                attributes += self.checks(long=True, system=system)
            paths.update(self.fetch(attributes, build=False))
        copy_to(url, sorted(paths), self.nix)
        print(url)
        return 0

    def check(self, *, long: bool) -> int:
        """Fetch, run checks and count them."""
        attributes = self.checks(long=long)
        self.fetch(attributes)
        passed, failed = run_checks(self.nix, attributes)
        for name in failed:
            print(f"failed: {name}")
        print(f"{len(passed)} passed, {len(failed)} failed")
        return 1 if failed else 0

    def update(self, part: str) -> int:
        """Resolve locks and print what changed."""
        with open_cache(default_folder()) as cache:
            update = Update(project=self.project, cache=cache, nix=self.nix, builder=self.builder)
            is_changed = False
            for name in PARTS if part == "all" else [part]:
                # at once: the locks are written, whatever comes of the next part
                for line in update.run(name):
                    print(line, flush=True)
                    is_changed = True
        if not is_changed:
            print("nothing changed")
        return 0

    def reproduce(self, images: Sequence[str], *, suite: str, builder: str, report: Path | None) -> int:
        """Build images again, write what came of it, and print what is not equal."""
        known = self.nix.list_names(f"packages.{self.system}")
        names = [complete_name(name, known) for name in images] or list_images(known)
        if builder and not is_registered(builder):
            interpreter = self.tools() / "usr/bin" / f"qemu-{builder.partition('-')[0]}"
            enter_emulation(builder, interpreter, Path(tempfile.mkdtemp(prefix="binfmt-")))
        reproduction = Reproduction(project=self.project, nix=self.nix, system=self.system, images=names)
        self.fetch(reproduction.attributes(self.system))
        if suite:
            tools = self.tools()
            with open_cache(default_folder()) as cache:
                run = reproduction.rebuild_with(suite, cache, tools)
        elif builder:
            self.fetch(reproduction.attributes(builder))
            run = reproduction.build_by(builder)
        else:
            run = reproduction.rebuild_here()
        if report:
            report.write_text(json.dumps(asdict(run)))
        else:
            kept = self.project.bench / "reproducibility.json"
            runs = merge_runs(load_runs(kept), run)
            write_runs(kept, runs)
            kept.with_suffix(".md").write_text(format_runs(runs))
        for difference in run.differences:
            print(f"not equal: {difference}")
        count = sum(map(len, run.images.values()))
        print(f"{count - len(run.differences)} images equal, {len(run.differences)} not")
        return 1 if run.differences else 0

    def tools(self) -> Path:
        """Return the folder of the locked programs that checks run: bubblewrap, QEMU."""
        attributes = [f"packages.{self.system}.dev-tools"]
        self.fetch(attributes)
        return self.nix.build(attributes, link=self.project.roots / "dev-tools")[0]

    def venv(self) -> int:
        """Make .venv and print its path; `.#database`, which tests want, can be run, too."""
        names = ("dev-python", "dev-site")
        attributes = [f"packages.{self.system}.{name}" for name in names]
        database = self.packages([f"postgres-{ARCHITECTURE_OF[self.system]}"])
        self.fetch([*attributes, *database, self.sandbox()])
        python, site = (
            self.nix.build([attribute], link=self.project.roots / name)[0] for attribute, name in zip(attributes, names)
        )
        with open_cache(default_folder()):  # another run may make it at the same time
            print(write_venv(self.project.root, python=python, site=site))
        return 0


def run(arguments: argparse.Namespace, root: Path) -> int:
    """Run one command and return its exit status."""
    bootstrap = Bootstrap(root, source=getattr(arguments, "source", None) or "")
    if arguments.command == "archive":
        return bootstrap.archive(arguments.url, arguments.images)
    if arguments.command == "build":
        return bootstrap.build(arguments.images)
    if arguments.command == "check":
        return bootstrap.check(long=arguments.long)
    if arguments.command == "update":
        return bootstrap.update(arguments.part)
    if arguments.command == "reproduce":
        return bootstrap.reproduce(
            arguments.images, suite=arguments.nix, builder=arguments.builder, report=arguments.report
        )
    if arguments.command == "venv":
        return bootstrap.venv()
    others = [] if arguments.images else bootstrap.checks(long=True)
    bootstrap.fetch([*bootstrap.packages(arguments.images), bootstrap.sandbox(), *others])
    return 0


def main(root: Path) -> int:
    """Run ``./bootstrap`` for the checkout at ``root``.

    :return: 0, 1 after an error that stands on standard error, 130 after ^C
    """
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(parse_arguments(sys.argv[1:]), root)
    except BootstrapError as error:
        say(f"bootstrap: {error}")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename or default_folder()
            say(f"bootstrap: {place}: no space left; make room and run the same command again")
        else:
            say(f"bootstrap: {error.filename}: {error.strerror}" if error.filename else f"bootstrap: {error}")
    except KeyboardInterrupt:
        say("bootstrap: interrupted; the same command goes on from here")
        return 130
    return 1
