"""After an update every entry of a lock that came, went or changed is a line, a new file of the same version too."""

from collections.abc import Mapping
from typing import Any

import pytest

from booksync_fetch.project import Project
from booksync_fetch.update import PARTS, Update, list_changes, list_entries

A, B = "a" * 64, "b" * 64


def lock(packages: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return a lock of one architecture: name -> version, hash."""
    entries = {name: {"version": version, "sha256": sha256, "size": 1} for name, (version, sha256) in packages.items()}
    return {"groups": {"base": {"amd64": sorted(packages)}}, "packages": {"amd64": entries}}


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return list(list_changes(list_entries(old), list_entries(new)))


def test_entries_are_named_by_architecture_and_package() -> None:
    found = list_entries(lock({"libc6": ("2.41-12", A)}) | {"busybox": {"arm64": {"narHash": "sha256-x="}}})
    assert found == {"amd64 libc6": f"2.41-12 ({A[:12]})", "busybox arm64": "sha256-x="}


def test_wheels_are_named_as_packages_are() -> None:
    content = {"groups": {}, "wheels": {"arm64": {"six": {"version": "1.16.0", "sha256": A, "file": "six.whl"}}}}
    assert list_entries(content) == {"arm64 six": f"1.16.0 ({A[:12]})"}


def test_a_lock_of_one_thing_is_its_source() -> None:
    assert list_entries({"version": "0.8.6", "sha256": A, "path": "x.tar.gz"}) == {"source": f"0.8.6 ({A[:12]})"}
    assert list_entries({"vendor": {"name": "go-vendor", "narHash": "sha256-x="}}) == {"vendor": "sha256-x="}


def test_what_came_and_went_and_changed_is_a_line_each() -> None:
    old = lock({"gone": ("1", A), "same": ("1", A), "up": ("1", A)})
    new = lock({"new": ("1", A), "same": ("1", A), "up": ("2", B)})
    assert changes(old, new) == [
        f"amd64 gone: gone, was 1 ({A[:12]})",
        f"amd64 new: new, 1 ({A[:12]})",
        f"amd64 up: 1 ({A[:12]}) -> 2 ({B[:12]})",
    ]


def test_another_file_of_the_same_version_is_a_change() -> None:
    assert changes(lock({"libc6": ("1", A)}), lock({"libc6": ("1", B)})) == [
        f"amd64 libc6: 1 ({A[:12]}) -> 1 ({B[:12]})"
    ]


def test_nothing_is_said_of_what_stays() -> None:
    assert changes(lock({"libc6": ("1", A)}), lock({"libc6": ("1", A)})) == []


def test_everything_of_a_first_lock_is_new() -> None:
    assert changes({}, {"vendor": {"narHash": "sha256-x="}}) == ["vendor: new, sha256-x="]


@pytest.fixture
def update(project: Project) -> Update:
    """An update whose parts resolve to what a test says, without its own start."""
    update = object.__new__(Update)
    update.project = project
    return update


def test_a_part_writes_its_locks_and_says_which_changed(update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = {"debian": lock({"libc6": ("1", A)}), "pgvector": {"version": "1", "sha256": B}}
    monkeypatch.setattr(Update, "resolve_debian", lambda _: resolved)
    assert update.run("debian") == [f"debian: amd64 libc6: new, 1 ({A[:12]})", f"pgvector: source: new, 1 ({B[:12]})"]
    assert sorted(path.stem for path in update.project.locks.iterdir()) == sorted(PARTS["debian"])
    assert update.run("debian") == []


def test_a_resolution_that_fails_leaves_the_locks(update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Update, "resolve_go", lambda _: {"go": {"vendor": {"narHash": "sha256-x="}}})
    update.run("go")
    before = (update.project.locks / "go.json").read_bytes()

    def fail(_: Update) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Update, "resolve_go", fail)
    with pytest.raises(OSError, match="No space left"):
        update.run("go")
    assert (update.project.locks / "go.json").read_bytes() == before
