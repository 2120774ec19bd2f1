"""Room is asked for what is not built yet, every artifact is wanted, and each Nix is understood."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from booksync_fetch.plan import Wanted, find_unbuilt, list_wanted, parse_derivations

# image <- layer <- tree <- six, libc; image <- python <- interpreter; six is an input of nothing else
INPUTS = {
    "image": ["layer", "python"],
    "layer": ["tree", "python"],
    "tree": ["six", "libc", "python"],
    "python": ["interpreter"],
    "six": [],
    "libc": [],
    "interpreter": [],
}
ARTIFACTS = {"six": "wheels amd64 six", "libc": "debian amd64 libc6", "interpreter": "python"}


def drv(name: str) -> str:
    return f"{name}.drv"


def out(name: str) -> str:
    return f"/nix/store/{name}"


def show(version: str) -> dict[str, Any]:
    """Return what a version of Nix prints of the derivations above."""
    shown = {}
    for name, inputs in INPUTS.items():
        env = {"out": out(name)} | ({"artifact": ARTIFACTS[name]} if name in ARTIFACTS else {})
        described: dict[str, Any]
        if version == "2.8":
            described = {"inputDrvs": {f"/nix/store/{drv(source)}": ["out"] for source in inputs}}
        else:
            described = {"inputs": {"drvs": {drv(source): {"outputs": ["out"]} for source in inputs}, "srcs": []}}
        place = f"/nix/store/{drv(name)}" if version == "2.8" else drv(name)
        shown[place] = {"env": env, "outputs": {"out": {}}, **described}
    return shown if version == "2.8" else {"derivations": shown, "version": 4}


def unbuilt(missing: Collection[str], *tops: str) -> set[str]:
    derivations = parse_derivations(show("2.8"))
    return find_unbuilt(derivations, [drv(top) for top in tops or ["image"]], [out(name) for name in missing])


@pytest.mark.parametrize("version", ["2.8", "2.34"])
def test_derivations_are_read_as_each_nix_prints_them(version: str) -> None:
    derivations = parse_derivations(show(version))
    assert list(derivations) == [drv(name) for name in INPUTS]
    assert derivations["layer.drv"].outputs == ["/nix/store/layer"]
    assert derivations["layer.drv"].inputs == ["tree.drv", "python.drv"]
    assert derivations["layer.drv"].artifact is None
    assert derivations["six.drv"].artifact == "wheels amd64 six"


def test_every_artifact_is_wanted_whatever_is_built() -> None:
    assert list_wanted(parse_derivations(show("2.8"))) == [
        Wanted("debian amd64 libc6", "/nix/store/libc"),
        Wanted("python", "/nix/store/interpreter"),
        Wanted("wheels amd64 six", "/nix/store/six"),
    ]


def test_nothing_is_worked_on_where_all_is_built() -> None:
    assert unbuilt([]) == set()


def test_everything_is_worked_on_where_nothing_is_built() -> None:
    assert unbuilt(INPUTS) == set(ARTIFACTS.values())


def test_what_is_built_already_needs_no_room_again() -> None:
    assert unbuilt(["image", "layer"]) == set()
    assert unbuilt(["image", "layer", "tree"]) == {"wheels amd64 six", "debian amd64 libc6"}


def test_what_only_something_built_was_made_of_needs_no_room() -> None:
    assert unbuilt(["python", "tree", "layer"]) == set()


def test_each_of_several_results_counts() -> None:
    assert unbuilt(["python", "tree"], "python", "image") == {"python"}
    assert unbuilt(["python", "tree"], "python", "tree") == set(ARTIFACTS.values())
