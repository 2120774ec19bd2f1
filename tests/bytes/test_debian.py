"""Debian packages are unpacked below the root, merged under /usr, and described for scanners."""

from pathlib import Path, PurePosixPath

import pytest

from booksync_build.debian import DebianPackageError, Selection, matches, merged_path, remove_empty_folders, unpack
from booksync_testing.debian_package import make_deb

EVERYTHING = Selection(drop=[], keep=[])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_top_level_folders_are_merged_under_usr(tmp_path: Path, root: Path) -> None:
    unpack(make_deb(tmp_path, "tool", {"./bin/tool": b"x", "./lib/libtool.so": b"y"}), root, EVERYTHING)
    assert (root / "usr/bin/tool").read_bytes() == b"x"
    assert (root / "usr/bin/tool").stat().st_mode & 0o777 == 0o755
    assert (root / "usr/lib/libtool.so").exists()
    assert not (root / "bin").exists()


def test_links_of_the_root_stay_links(tmp_path: Path, root: Path) -> None:
    unpack(make_deb(tmp_path, "base", {"./bin": "usr/bin"}), root, EVERYTHING)
    assert (root / "bin").readlink() == Path("usr/bin")


def test_dropped_paths_are_left_out_and_kept_ones_stay(tmp_path: Path, root: Path) -> None:
    selection = Selection(drop=["usr/share/doc"], keep=["usr/share/doc/*/copyright"])
    deb = make_deb(tmp_path, "a", {"./usr/share/doc/a/copyright": b"c", "./usr/share/doc/a/README": b"r"})
    unpack(deb, root, selection)
    assert (root / "usr/share/doc/a/copyright").exists()
    assert not (root / "usr/share/doc/a/README").exists()
    assert "README" not in (root / "var/lib/dpkg/status.d/a.md5sums").read_text()
    assert "copyright" in (root / "var/lib/dpkg/status.d/a.md5sums").read_text()


def test_scanners_find_the_control_file(tmp_path: Path, root: Path) -> None:
    unpack(make_deb(tmp_path, "a", {"./usr/bin/a": b"x"}), root, EVERYTHING)
    assert (root / "var/lib/dpkg/status.d/a").read_text() == "Package: a\nVersion: 1\n"


def test_a_file_of_two_packages_is_refused(tmp_path: Path, root: Path) -> None:
    unpack(make_deb(tmp_path, "a", {"./usr/bin/x": b"x"}), root, EVERYTHING)
    with pytest.raises(DebianPackageError, match=r"b\.deb: usr/bin/x is already there"):
        unpack(make_deb(tmp_path, "b", {"./bin/x": b"x"}), root, EVERYTHING)


def test_a_path_out_of_the_root_is_refused() -> None:
    with pytest.raises(DebianPackageError, match="below the root"):
        merged_path("./usr/../../etc/passwd")


def test_other_data_is_refused_by_name(tmp_path: Path, root: Path) -> None:
    deb = tmp_path / "broken.deb"
    deb.write_bytes(b"<html>not found</html>")
    with pytest.raises(DebianPackageError, match=r"broken\.deb: expected an ar archive"):
        unpack(deb, root, EVERYTHING)


def test_a_pattern_of_a_folder_goes_for_all_below_it() -> None:
    assert matches(PurePosixPath("usr/share/doc/a/b"), ["usr/share/doc"])
    assert not matches(PurePosixPath("usr/share/documents"), ["usr/share/doc"])


def test_folders_left_empty_are_removed_only_where_dropped(root: Path) -> None:
    (root / "usr/share/doc/a").mkdir(parents=True)
    (root / "var/log").mkdir(parents=True)
    remove_empty_folders(root, Selection(drop=["usr/share/doc"], keep=[]))
    assert not (root / "usr/share/doc").exists()
    assert (root / "var/log").is_dir()
