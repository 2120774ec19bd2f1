"""Bytes that a client of a registry writes are counted while it writes."""

from pathlib import Path

from booksync_fetch.progress import folder_bytes


def test_bytes_of_all_folders_count(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "a/b/two").write_bytes(b"22")
    (tmp_path / "link").symlink_to("one")
    assert folder_bytes(tmp_path) == 3
    assert folder_bytes(tmp_path / "none") == 0
