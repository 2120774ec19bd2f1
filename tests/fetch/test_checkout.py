"""A copy of a checkout has what git knows of it, as it is."""

from pathlib import Path

import pytest

from booksync_fetch.checkout import copy_checkout
from booksync_fetch.errors import BootstrapError
from booksync_testing.programs import SHEBANG, write_program

#: A git that lists what is not "unknown".
GIT = SHEBANG + "printf 'folder/kept\\0gone\\0link\\0dangling\\0'\n"


def test_copy_has_what_git_knows_as_it_is(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    for name in ("folder/kept", "gone", "unknown"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "folder/kept").chmod(0o755)
    (root / "link").symlink_to("folder")
    (root / "dangling").symlink_to("nothing")
    (root / "gone").unlink()
    programs = tmp_path / "bin"
    programs.mkdir()
    write_program(programs / "git", GIT)
    copy_checkout(root, copy, environment={"PATH": str(programs)})
    found = {str(path.relative_to(copy)) for path in copy.rglob("*")}
    assert found == {"folder", "folder/kept", "link", "dangling"}
    assert (copy / "folder/kept").stat().st_mode & 0o777 == 0o755
    assert [str((copy / name).readlink()) for name in ("link", "dangling")] == ["folder", "nothing"]


def test_what_is_no_checkout_is_said_in_git_s_words(tmp_path: Path) -> None:
    write_program(tmp_path / "git", f"{SHEBANG}echo fatal: not a git repository >&2; exit 128\n")
    with pytest.raises(BootstrapError, match=r"expected a checkout of git, got: fatal: not a git repository; clone"):
        copy_checkout(tmp_path, tmp_path / "copy", environment={"PATH": str(tmp_path)})
