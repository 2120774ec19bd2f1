"""Resolve Debian packages: apt itself fetches and verifies the indexes, the closure is computed here.

apt runs on a private root below the cache, with the machine's own mirror and Debian's archive keys, so
that indexes are as authentic as those of the machine. The closure is what apt would take of Depends and
Pre-Depends, less what inputs.json excludes: what an image does not need at run time.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from booksync_fetch.cache import Cache
from booksync_fetch.debian import mirror_bases
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import ARCHITECTURES
from booksync_fetch.progress import say

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Index:
    """The packages that suites have for one architecture: the newest version of each."""

    def __init__(self, packages: dict[str, dict[str, str]]) -> None:
        self.packages = packages
        self.providers: dict[str, list[str]] = {}
        for name, package in sorted(packages.items()):
            for (provided,) in split_groups(package.get("Provides", "")):  # it has no alternatives
                self.providers.setdefault(provided, []).append(name)

    def close(self, roots: Sequence[str], exclude: Sequence[str]) -> list[str]:
        """Return ``roots`` and all that they depend on, sorted.

        :param exclude: names that count as there already
        :raises BootstrapError: a name that no package has or provides
        """
        chosen: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop(0)
            if name in exclude or name in chosen:
                continue
            chosen.add(name)
            for field in ("Pre-Depends", "Depends"):
                for alternatives in split_groups(self.package(name).get(field, "")):
                    if not self.is_met(alternatives, chosen | set(exclude) | set(waiting)):
                        waiting.append(self.choose(alternatives, of=name))
        return sorted(chosen)

    def is_met(self, alternatives: Sequence[str], there: set[str]) -> bool:
        """Tell whether a dependency is met by what is there, by name or as provided."""
        return any(
            name in there or any(provider in there for provider in self.providers.get(name, []))
            for name in alternatives
        )

    def choose(self, alternatives: Sequence[str], *, of: str) -> str:
        """Return the package that meets a dependency: the first that is there, else the first that provides it."""
        for name in alternatives:
            if name in self.packages:
                return name
        for name in alternatives:
            if name in self.providers:
                return self.providers[name][0]
        raise BootstrapError(f"{of}: expected {' | '.join(alternatives)} in the suites, found no such package")

    def package(self, name: str) -> dict[str, str]:
        """Return a package's fields."""
        if name not in self.packages:
            raise BootstrapError(f"nix/inputs.json: expected {name} in the suites, found no such package")
        return self.packages[name]


def split_groups(field: str) -> Iterator[list[str]]:
    """Yield the alternatives of each dependency of a field (deb-control(5)), names alone."""
    for group in field.split(","):
        names = [re.split(r"[\s(\[:<]", part.strip(), maxsplit=1)[0] for part in group.split("|")]
        if names != [""]:
            yield names


def parse_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the stanzas of a control file, first lines of fields alone."""
    for stanza in text.split("\n\n"):
        lines = (line.partition(": ") for line in stanza.splitlines() if line[:1] not in (" ", "\t", ""))
        if fields := {name: value for name, _, value in lines}:
            yield fields


def is_newer(left: str, right: str) -> bool:
    """Compare versions as dpkg does."""
    return subprocess.run(["dpkg", "--compare-versions", left, "gt", right], check=False).returncode == 0


def load_indexes(suites: Sequence[dict[str, str]], cache: Cache, *, may_be_old: bool = False) -> dict[str, Index]:
    """Fetch the suites' indexes with apt and return one Index an architecture.

    :param may_be_old: whether indexes count that say that they are out of date, as an archive's history has them
    :raises BootstrapError: no apt here, no keys of Debian's, or no index came
    """
    if shutil.which("apt-get") is None or not KEYRING.exists():
        raise BootstrapError(
            f"expected apt and {KEYRING} (package debian-archive-keyring) to resolve Debian packages, found none; "
            "run this on Debian. Fetching and building need neither"
        )
    bases = mirror_bases()
    root = cache.scratch("apt")
    for folder in ("lists/partial", "archives/partial", "etc", "dpkg"):
        (root / folder).mkdir(parents=True)
    (root / "dpkg/status").touch()
    sources = "".join(
        f"deb [arch={','.join(ARCHITECTURES)} signed-by={KEYRING}] {bases[suite['archive']]} {suite['suite']} main\n"
        for suite in suites
    )
    (root / "etc/sources.list").write_text(sources)
    options = {
        "Dir::State": root,
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "dpkg/status",
        "Dir::Cache": root,
        "Dir::Etc::sourcelist": root / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Architectures": ",".join(ARCHITECTURES),
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "Acquire::Check-Valid-Until": "false" if may_be_old else "true",
    }
    arguments = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    say("update: fetching Debian's indexes")
    done = subprocess.run(["apt-get", *arguments, "update"], capture_output=True, text=True, check=False)
    problems = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
    if done.returncode or problems:
        raise BootstrapError(
            "apt-get update: expected Debian's indexes, got:\n" + "\n".join(f"  {line}" for line in problems)
        )
    shown = subprocess.run(
        [
            *("apt-get", *arguments, "indextargets", "--format", "$(ARCHITECTURE) $(RELEASE) $(SITE) $(FILENAME)"),
            "Identifier: Packages",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    archives = {base: name for name, base in bases.items()}
    found: dict[str, dict[str, dict[str, str]]] = {architecture: {} for architecture in ARCHITECTURES}
    for line in shown.stdout.splitlines():
        architecture, _, site, file = line.split(" ", 3)
        text = subprocess.run(
            ["/usr/lib/apt/apt-helper", "cat-file", file], capture_output=True, text=True, check=True
        ).stdout
        packages = found[architecture]
        for fields in parse_stanzas(text):
            fields["Archive"] = archives[site.rstrip("/")]
            known = packages.get(fields["Package"])
            if known is None or (
                known["Version"] != fields["Version"] and is_newer(fields["Version"], known["Version"])
            ):
                packages[fields["Package"]] = fields
    return {architecture: Index(packages) for architecture, packages in found.items()}


def resolve_debian(inputs: dict[str, Any], cache: Cache) -> dict[str, Any]:
    """Return the ``groups`` and ``packages`` of nix/lock/debian.json."""
    indexes = load_indexes(inputs["suites"], cache)
    groups: dict[str, dict[str, list[str]]] = {}
    packages: dict[str, dict[str, Any]] = {}
    for architecture, index in indexes.items():
        members: set[str] = set()
        for group, wanted in inputs["groups"].items():
            # a kernel's package has the architecture in its name
            names = sorted(root.format(architecture=architecture) for root in wanted["roots"])
            if wanted.get("closure", True):
                names = index.close(names, wanted.get("exclude", []))
            groups.setdefault(group, {})[architecture] = names
            members.update(names)
        packages[architecture] = {
            name: {
                "archive": index.package(name)["Archive"],
                "path": index.package(name)["Filename"],
                "sha256": index.package(name)["SHA256"],
                "size": int(index.package(name)["Size"]),
                "version": index.package(name)["Version"],
            }
            for name in sorted(members)
        }
    return {"groups": groups, "packages": packages}
