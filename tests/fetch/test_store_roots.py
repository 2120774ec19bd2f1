"""Artifacts of the locks, and no others, are kept from the garbage collector, also after the store was emptied."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from booksync_fetch.nix import Nix, find_registered, remove_roots

PATHS = ["/nix/store/aaa-one", "/nix/store/bbb-two"]


class Store(Nix):
    """A store whose links to roots are in a folder, as Nix makes them."""

    def __init__(self, registered: Path) -> None:
        self.registered = registered
        registered.mkdir(parents=True)
        self.asked: list[str] = []

    def run(self, program: str, arguments: Sequence[str], *, quiet: bool = False) -> str:
        assert (program, arguments[0], arguments[2], arguments[4], quiet) == (
            "nix-store",
            "--realise",
            "--add-root",
            "--indirect",
            True,
        )
        root = Path(arguments[3])
        root.unlink(missing_ok=True)
        root.symlink_to(arguments[1])
        (self.registered / str(len(self.asked))).symlink_to(root)
        self.asked.append(arguments[1])
        return ""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("booksync_fetch.nix.ROOTS", tmp_path / "auto")
    return Store(tmp_path / "auto")


def test_each_path_gets_a_root_and_none_twice(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / ".nix-roots"
    store.add_roots(folder, PATHS[:1])
    store.add_roots(folder, PATHS)
    assert store.asked == PATHS
    assert {str(link.readlink()) for link in folder.iterdir()} == set(PATHS)


def test_links_that_no_store_knows_any_more_are_roots_again(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / ".nix-roots"
    store.add_roots(folder, PATHS)
    for link in store.registered.iterdir():
        link.unlink()
    store.asked.clear()
    store.add_roots(folder, PATHS)
    assert store.asked == PATHS


def test_links_that_a_clean_checkout_has_lost_are_made_again(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / ".nix-roots"
    store.add_roots(folder, PATHS)
    for link in folder.iterdir():
        link.unlink()
    folder.rmdir()
    store.add_roots(folder, PATHS)
    assert store.asked == [*PATHS, *PATHS]
    assert {str(link.readlink()) for link in folder.iterdir()} == set(PATHS)


@pytest.mark.parametrize("place", ["nowhere", "a-file"])
def test_a_store_that_cannot_be_looked_into_knows_no_roots(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("")
    assert find_registered(tmp_path / place) == set()


def test_what_is_no_link_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    (tmp_path / "link").symlink_to("/checkout/.nix-roots/one")
    assert find_registered(tmp_path) == {"/checkout/.nix-roots/one"}


def make_root(folder: Path, name: str, *, letter: str = "a") -> Path:
    """Link a store path of this name, as a root of it is."""
    folder.mkdir(exist_ok=True)
    path = f"/nix/store/{letter * 32}-{name}"
    root = folder / Path(path).name
    root.symlink_to(path)
    return root


def test_what_the_locks_no_longer_have_is_given_up(tmp_path: Path) -> None:
    names = ["libc6_2_amd64.deb", "libc6_2_arm64.deb", "go-vendor"]
    for name in ("libc6_1_amd64.deb", "libc6_1_arm64.deb"):
        make_root(tmp_path, name)
    make_root(tmp_path, "go-vendor")
    kept = {make_root(tmp_path, name, letter="b") for name in names}
    remove_roots(tmp_path, names=names, current=[str(root.readlink()) for root in kept])
    assert {*tmp_path.iterdir()} == kept


def test_what_another_run_has_fetched_by_these_locks_stays(tmp_path: Path) -> None:
    kept = {make_root(tmp_path, "libc6_2_amd64.deb"), make_root(tmp_path, "libc6_2_arm64.deb", letter="b")}
    remove_roots(tmp_path, names=[root.name.partition("-")[2] for root in kept], current=[])
    assert {*tmp_path.iterdir()} == kept


def test_roots_of_what_is_built_stay(tmp_path: Path) -> None:
    (tmp_path / "dev-tools").symlink_to(f"/nix/store/{'a' * 32}-dev-tools")
    (tmp_path / f"{'a' * 32}-file").write_text("")
    remove_roots(tmp_path, names=[], current=[])
    assert len([*tmp_path.iterdir()]) == len(("dev-tools", "file"))


def test_a_checkout_without_roots_has_none_to_give_up(tmp_path: Path) -> None:
    remove_roots(tmp_path / "nothing", names=[], current=[])
