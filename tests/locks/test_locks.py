"""The locks pin everything by SHA-256 for both architectures, name no address, and hold nothing unused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

LOCKS = Path("nix/lock")
ARCHITECTURES = ["amd64", "arm64"]
NAMES = ["debian", "go", "model", "pgvector", "python", "wheels"]
SHA256 = re.compile(r"[0-9a-f]{64}")
#: groups that stand in images: the same packages on both architectures
IMAGE_GROUPS = ["base", "postgres"]
#: wheels that only the web stack needs differ nowhere; torch's CUDA libraries are amd64's alone
WEB_GROUPS = ["common", "auth", "data"]


def load(name: str) -> dict[str, Any]:
    lock: dict[str, Any] = json.loads((LOCKS / f"{name}.json").read_text())
    return lock


def hashes(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["sha256"]] if "sha256" in value else []
        return own + [found for part in value.values() for found in hashes(part)]
    return []


def source_version(version: str) -> str:
    """A Debian version without the suffix of a rebuild (+b1), which one architecture may have alone."""
    return re.sub(r"\+b\d+$", "", version)


def test_there_are_exactly_the_locks_that_are_read() -> None:
    assert sorted(path.stem for path in LOCKS.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_lock_names_an_address(name: str) -> None:
    text = (LOCKS / f"{name}.json").read_text()
    assert "://" not in text
    assert not re.search(r"\b(www|deb|pypi|files|proxy|registry)\.", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_hash_is_a_sha256(name: str) -> None:
    lock = load(name)
    assert all(SHA256.fullmatch(value) for value in hashes(lock))
    assert hashes(lock) or "narHash" in json.dumps(lock)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("lock", "entries"), [("debian", "packages"), ("wheels", "wheels")])
def test_every_artifact_belongs_to_a_group_and_every_member_is_locked(
    lock: str, entries: str, architecture: str
) -> None:
    content = load(lock)
    members = {name for group in content["groups"].values() for name in group.get(architecture, [])}
    assert members == set(content[entries][architecture])


@pytest.mark.parametrize("group", IMAGE_GROUPS)
def test_images_have_the_same_debian_packages_on_both_architectures(group: str) -> None:
    lock = load("debian")
    members = lock["groups"][group]
    assert members["amd64"] == members["arm64"]
    versions = [
        {name: source_version(lock["packages"][architecture][name]["version"]) for name in members[architecture]}
        for architecture in ARCHITECTURES
    ]
    assert versions[0] == versions[1]


@pytest.mark.parametrize("group", WEB_GROUPS)
def test_services_have_the_same_wheels_on_both_architectures(group: str) -> None:
    lock = load("wheels")
    versions = [
        {name: lock["wheels"][architecture][name]["version"] for name in lock["groups"][group][architecture]}
        for architecture in ARCHITECTURES
    ]
    assert versions[0] == versions[1]


def test_a_pure_wheel_is_the_same_file_for_both_architectures() -> None:
    wheels = load("wheels")["wheels"]
    for name, wheel in wheels["amd64"].items():
        if wheel["file"].endswith("-any.whl") and name in wheels["arm64"]:
            assert wheels["arm64"][name]["sha256"] == wheel["sha256"], name


def test_pgvector_has_the_fixes_of_its_known_faults() -> None:
    version = tuple(int(part) for part in load("pgvector")["version"].split("."))
    assert version >= (0, 8, 3), "0.8.2 fixes CVE-2026-3172, 0.8.3 index corruption on vacuum"
