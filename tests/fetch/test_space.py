"""A fetch for which there is no room does not begin, and says how much is needed and how much is free."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from booksync_fetch import space
from booksync_fetch.cache import existing_folder
from booksync_fetch.errors import BootstrapError
from booksync_fetch.space import BUILD_FACTOR, check_space

GB = 10**9


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The folders whose room was asked for; each has 10 GB, and all are on one file system."""
    folders: list[Path] = []

    def disk_usage(folder: Path) -> SimpleNamespace:
        folders.append(folder)
        return SimpleNamespace(free=10 * GB)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    monkeypatch.setattr(space, "STORE", tmp_path / "store")
    return folders


def test_room_that_is_just_enough_is_enough(asked: list[Path], tmp_path: Path) -> None:
    check_space(download=2 * GB, add=3 * GB, build=GB, cache=tmp_path)
    assert asked == [tmp_path]


def test_too_little_room_is_said_with_what_is_needed_and_free(asked: list[Path], tmp_path: Path) -> None:
    with pytest.raises(BootstrapError) as caught:
        check_space(download=4 * GB, add=3 * GB, build=GB, cache=tmp_path / "cache")
    needed = 4 + 3 + BUILD_FACTOR
    message = str(caught.value)
    assert f"{tmp_path}: expected {needed:.2f} GB of free disk space" in message
    assert "got 10.00 GB; make room" in message
    assert "name fewer images" in message
    assert asked == [tmp_path]


def test_what_is_built_needs_no_room(asked: list[Path], tmp_path: Path) -> None:
    check_space(download=0, add=10 * GB, build=0, cache=tmp_path)
    assert asked


def test_a_cache_on_another_disk_needs_only_room_for_downloads(
    asked: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, cache = tmp_path / "store", tmp_path / "cache"
    store.mkdir()
    cache.mkdir()
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> object:
        return (
            SimpleNamespace(st_dev=str(path)) if path in (store, cache) else real(path, follow_symlinks=follow_symlinks)
        )

    monkeypatch.setattr(Path, "exists", lambda _: True)
    monkeypatch.setattr(Path, "stat", stat)
    check_space(download=9 * GB, add=9 * GB, build=0, cache=cache)
    assert asked == [store, cache]
    with pytest.raises(BootstrapError, match=f"^{cache}: expected 11.00 GB"):
        check_space(download=11 * GB, add=0, build=0, cache=cache)
    with pytest.raises(BootstrapError, match=f"^{store}: expected 11.00 GB"):
        check_space(download=0, add=11 * GB, build=0, cache=cache)


def test_builds_on_another_disk_need_room_there(
    asked: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> object:
        return SimpleNamespace(st_dev="memory") if path == scratch else real(path, follow_symlinks=follow_symlinks)

    scratch.mkdir()
    check_space(download=0, add=0, build=2 * GB, cache=tmp_path, scratch=scratch)
    assert asked == [tmp_path]
    monkeypatch.setattr(Path, "stat", stat)
    check_space(download=0, add=0, build=2 * GB, cache=tmp_path, scratch=scratch)
    assert asked[1:] == [tmp_path, scratch]
    monkeypatch.setattr(space, "BUILD_FACTOR", 0)
    with pytest.raises(
        BootstrapError,
        match=rf"^{scratch}: .* choose another folder for builds \(build-dir in nix.conf; as root TMPDIR=FOLDER\)",
    ):
        check_space(download=0, add=0, build=10 * GB, cache=tmp_path, scratch=scratch)


def test_room_is_asked_where_the_folder_will_be(tmp_path: Path) -> None:
    assert existing_folder(tmp_path / "a/b/c") == tmp_path
    assert existing_folder(tmp_path) == tmp_path
