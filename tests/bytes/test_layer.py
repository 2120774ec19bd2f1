"""Permissions of a layer match exactly the paths that they name; its blob is of the whole tar."""

import os
import re
from pathlib import Path

import pytest

from booksync_build.layer import compress, nix2container_permissions

ROOT = {"name": "root", "uid": 0, "gid": 0}
TREE = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-tree+1.0"


def test_expressions_match_one_path_and_no_longer_or_similar_one() -> None:
    (entry,) = nix2container_permissions(TREE, {"tmp": {"mode": "1777", "owner": ROOT}})
    assert re.search(entry["regex"], f"{TREE}/tmp")
    assert not re.search(entry["regex"], f"{TREE}/tmp/file")
    assert not re.search(entry["regex"], f"{TREE}/var/tmp")
    assert not re.search(entry["regex"], f"{TREE.replace('1.0', '1x0')}/tmp")


def test_owner_is_named_alike_as_user_and_group() -> None:
    owner = {"name": "postgres", "uid": 999, "gid": 999}
    (entry,) = nix2container_permissions(TREE, {"data": {"mode": "0700", "owner": owner}})
    assert (entry["uname"], entry["gname"]) == ("postgres", "postgres")
    assert (entry["uid"], entry["gid"], entry["mode"]) == (999, 999, "0700")


def test_a_tar_that_cannot_be_read_is_no_layer(tmp_path: Path) -> None:
    unreadable = Path("/proc/self/mem")  # at its beginning there is nothing
    with pytest.raises(OSError, match="Input/output error"):
        compress(unreadable, tmp_path / "blob", command=[os.environ["BOOKSYNC_BUSYBOX"], "cat"], media_type="any")
