"""What a build is made of: the artifacts that its derivations ask for, and those of what is not built yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Derivation:
    """A derivation, as far as a plan needs it.

    :param outputs: store paths
    :param inputs: names of other derivations' files in the store
    :param artifact: the key of the artifact that it is, as in nix/lib/parseLocks.nix; None for what is built
    """

    outputs: Sequence[str]
    inputs: Sequence[str]
    artifact: str | None


@dataclass(frozen=True)
class Wanted:
    """An artifact that derivations ask for.

    :param key: as in nix/lib/parseLocks.nix
    :param path: its store path
    """

    key: str
    path: str


def parse_derivations(shown: Mapping[str, Any]) -> dict[str, Derivation]:
    """Read what ``nix derivation show --recursive`` prints.

    :return: derivations by the names of their files in the store
    """
    content: Mapping[str, Any] = shown.get("derivations", shown)  # since Nix 2.32 a part of the whole
    found = {}
    for path, derivation in content.items():
        variables = derivation.get("env", {})
        inputs: Iterable[str] = derivation.get("inputDrvs") or derivation.get("inputs", {}).get("drvs", {})
        found[PurePosixPath(path).name] = Derivation(
            outputs=[variables[name] for name in derivation["outputs"] if name in variables],
            inputs=[PurePosixPath(name).name for name in inputs],
            artifact=variables.get("artifact"),
        )
    return found


def list_wanted(derivations: Mapping[str, Derivation]) -> list[Wanted]:
    """Return the artifacts among derivations, whether or not they are there."""
    found = {derivation.artifact: derivation.outputs[0] for derivation in derivations.values() if derivation.artifact}
    return [Wanted(key, path) for key, path in sorted(found.items())]


def find_unbuilt(derivations: Mapping[str, Derivation], tops: Iterable[str], missing: Collection[str]) -> set[str]:
    """Return the keys of the artifacts that will be worked on: direct inputs of what a build of ``tops`` has to build.

    :param missing: store paths that are not valid
    """
    invalid = set(missing)
    seen: set[str] = set()
    used: set[str] = set()
    waiting = list(tops)
    while waiting:
        name = waiting.pop()
        derivation = derivations[name]
        if name in seen or derivation.artifact or invalid.isdisjoint(derivation.outputs):
            continue
        seen.add(name)
        waiting += derivation.inputs
        used.update(key for key in (derivations[source].artifact for source in derivation.inputs) if key)
    return used
