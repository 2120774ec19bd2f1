"""The cache has only verified files, keeps what is on its way, and belongs to one run at a time."""

import fcntl
import hashlib
import threading
from pathlib import Path

import pytest

from booksync_fetch.cache import Cache, choose_nix_cache, default_folder, open_cache
from booksync_fetch.errors import BootstrapError

CONTENT = b"a package"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WAIT_LIMIT_S = 10


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_verified_file_moves_to_its_place(cache: Cache) -> None:
    source = put(cache.partial(SHA256), CONTENT)
    kept = cache.keep(source, sha256=SHA256, name="hello.deb")
    assert kept == cache.root / "files" / SHA256 / "hello.deb" == cache.path(SHA256, "hello.deb")
    assert kept.read_bytes() == CONTENT
    assert not source.exists()


def test_a_file_of_another_hash_is_removed_and_both_hashes_are_said(cache: Cache) -> None:
    source = put(cache.partial(SHA256), b"something else")
    got = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(BootstrapError, match=rf"hello\.deb: expected SHA-256 {SHA256}, got {got}.*same command again"):
        cache.keep(source, sha256=SHA256, name="hello.deb")
    assert not source.exists()
    assert not cache.path(SHA256, "hello.deb").exists()


def test_what_a_killed_run_left_is_removed_but_not_what_goes_on(tmp_path: Path) -> None:
    leftover = put(tmp_path / "work/pip-x/half.whl", b"half")
    started = put(tmp_path / "partial" / SHA256, b"half")
    verified = put(tmp_path / "files" / SHA256 / "hello.deb", CONTENT)
    with open_cache(tmp_path):
        assert not leftover.exists()
        assert started.read_bytes() == b"half"
        assert verified.read_bytes() == CONTENT


def test_scratch_space_is_new_each_time_and_gone_after_the_run(tmp_path: Path) -> None:
    with open_cache(tmp_path) as cache:
        first, second = cache.scratch("pip"), cache.scratch("pip")
        assert first != second
        assert first.is_dir()
    assert not (tmp_path / "work").exists()


def test_scratch_space_is_gone_after_a_run_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with open_cache(tmp_path) as cache:
            put(cache.scratch("pip") / "half.whl", b"half")
            raise BootstrapError("no network")

    with pytest.raises(BootstrapError, match="no network"):
        fail()
    assert not (tmp_path / "work").exists()


def test_a_second_run_says_that_it_waits_and_goes_on_when_the_first_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    told, entered = threading.Event(), threading.Event()

    def hear(text: str) -> None:
        said.append(text)
        told.set()

    def run_second() -> None:
        with open_cache(tmp_path):
            entered.set()

    monkeypatch.setattr("booksync_fetch.cache.say", hear)
    second = threading.Thread(target=run_second)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second.start()
        assert told.wait(WAIT_LIMIT_S)
        assert str(tmp_path) in said[0]
        assert not entered.wait(0.05)
    second.join(WAIT_LIMIT_S)
    assert entered.is_set()


def test_a_second_run_leaves_the_first_its_scratch_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    monkeypatch.setattr("booksync_fetch.cache.say", lambda _: told.set())

    def run_second() -> None:
        with open_cache(tmp_path):
            pass

    second = threading.Thread(target=run_second)
    with open_cache(tmp_path) as cache:
        mine = put(cache.scratch("pip") / "half.whl", b"half")
        second.start()
        assert told.wait(WAIT_LIMIT_S)
        assert mine.exists()
    second.join(WAIT_LIMIT_S)
    assert not second.is_alive()


@pytest.mark.parametrize("below", ["", "booksync", "a/booksync"])
def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path, below: str) -> None:
    root = put(tmp_path / "file", b"") / below
    with (
        pytest.raises(BootstrapError, match=rf"^{root}: expected a folder .* BOOKSYNC_CACHE=/path \./bootstrap"),
        open_cache(root),
    ):
        pytest.fail("the cache was opened")


def test_a_folder_that_cannot_be_written_to_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(BootstrapError, match="BOOKSYNC_CACHE=/path"), open_cache(tmp_path):
        pytest.fail("the cache was opened")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"BOOKSYNC_CACHE": "/big/disk", "XDG_CACHE_HOME": "/x"}, "/big/disk"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/booksync"),
        ({}, "/home/me/.cache/booksync"),
    ],
)
def test_the_folder_is_the_one_that_was_chosen(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name in ("BOOKSYNC_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_folder() == Path(folder)


@pytest.mark.parametrize(("writable", "variables"), [(True, {}), (False, {"XDG_CACHE_HOME": "/big/disk"})])
def test_nix_has_its_cache_beside_ours_where_the_home_is_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writable: bool, variables: dict[str, str]
) -> None:
    asked: list[Path] = []

    def access(path: Path, _: int) -> bool:
        asked.append(path)
        return writable

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BOOKSYNC_CACHE", "/big/disk")
    monkeypatch.setattr("booksync_fetch.cache.os.access", access)
    assert choose_nix_cache() == variables
    assert asked == [tmp_path]
    (tmp_path / ".cache/nix").mkdir(parents=True)
    choose_nix_cache()
    assert asked[1] == tmp_path / ".cache/nix"
