"""Another Nix gets the packages as they were verified."""

from pathlib import Path

import pytest

from booksync_fetch.cache import Cache
from booksync_fetch.debian_index import Index
from booksync_fetch.errors import BootstrapError
from booksync_fetch.other_nix import PACKAGES, OtherNix
from booksync_fetch.project import Project


def test_a_package_that_has_changed_since_is_removed_and_not_unpacked(
    project: Project, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"Filename": "pool/a_1.deb", "SHA256": "aa", "Size": "0"}
    index = Index({name: {"Package": name, **fields} for name in PACKAGES})
    monkeypatch.setattr("booksync_fetch.other_nix.load_indexes", lambda *_, **__: {"amd64": index})
    cached = cache.path("aa", "a_1.deb")
    cached.parent.mkdir(parents=True)
    cached.touch()
    other = OtherNix(project=project, cache=cache, suite="sid", bubblewrap=[], folder=tmp_path / "other")
    with pytest.raises(BootstrapError, match=rf"^{cached}: expected SHA-256 aa.*same command again"):
        other.make_root("amd64")
    assert not cached.exists()
