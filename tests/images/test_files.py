"""What lies in an image is root's, read-only, dated alike, and in one layer only.

Read from the tar headers: an unprivileged user who unpacks an image cannot keep its owners.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from booksync_testing.contract import SHARED_MODE, USERS, Expected, Owned
from booksync_testing.layer import Layer, Member

DIRECTORY_MODE = 0o555
FILE_MODES = (0o444, 0o555)
# a symlink's mode means nothing
LINK_MODE = 0o777

SET_ID = 0o6000
WORLD_WRITABLE = 0o002

NAMES = {(number, name) for name, number in USERS.items()}


@pytest.fixture
def members(layers: list[Layer]) -> list[Member]:
    """Every header of every layer."""
    return [member for layer in layers for member in layer.members]


@pytest.fixture
def files(members: list[Member]) -> dict[str, Member]:
    """Map what stands in the root in the end to its header in the highest layer."""
    return {member.path: member for member in members}


def test_every_path_has_the_owner_and_mode_that_the_contract_gives_it(
    members: list[Member], expected: Expected
) -> None:
    wrong = []
    for member in members:
        if member.path in expected.modes:
            allowed = [expected.modes[member.path]]
        elif member.kind == "directory":
            allowed = [Owned(0, DIRECTORY_MODE)]
        elif member.kind == "symlink":
            allowed = [Owned(0, member.mode)]
        else:
            allowed = [Owned(0, mode) for mode in FILE_MODES]
        if Owned(member.uid, member.mode) not in allowed or member.gid != member.uid:
            wrong.append(f"/{member.path}: {member.uid}:{member.gid} {member.mode:04o}, expected {allowed}")
    assert not wrong, "\n".join(wrong[:50])


def test_every_path_of_the_contract_exists(files: dict[str, Member], expected: Expected) -> None:
    assert expected.modes.keys() <= files.keys()
    assert all(files[path].kind == "directory" for path in expected.modes)


def test_owner_names_are_those_of_the_numbers_or_absent(members: list[Member]) -> None:
    assert {(member.uid, member.uname) for member in members if member.uname} <= NAMES
    assert {(member.gid, member.gname) for member in members if member.gname} <= NAMES


def test_nothing_is_setuid_or_setgid(members: list[Member]) -> None:
    assert not [member.path for member in members if member.mode & SET_ID]


def test_only_the_contracts_shared_folders_are_writable_for_everybody(
    members: list[Member], expected: Expected
) -> None:
    writable = {member.path for member in members if member.kind != "symlink" and member.mode & WORLD_WRITABLE}
    assert writable == {path for path, owned in expected.modes.items() if owned.mode == SHARED_MODE}


def test_only_files_directories_and_links(members: list[Member]) -> None:
    assert {member.kind for member in members} <= {"file", "directory", "symlink", "hardlink"}


def test_every_member_has_the_same_time(members: list[Member]) -> None:
    assert len({member.mtime for member in members}) == 1


def test_members_are_sorted_and_parents_come_first(layers: list[Layer]) -> None:
    for layer in layers:
        seen: set[str] = {""}
        for member in layer.members:
            parent = str(PurePosixPath(member.path).parent) if "/" in member.path else ""
            assert parent in seen, f"{member.path} comes before its directory"
            seen.add(member.path)
        parts = [member.path.split("/") for member in layer.members if member.path]
        assert parts == sorted(parts)


def test_no_path_is_in_two_layers(layers: list[Layer]) -> None:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for number, layer in enumerate(layers, start=1):
        for path in {member.path for member in layer.members if member.kind != "directory"}:
            places[path].append(number)
    twice = {path: numbers for path, numbers in places.items() if len(numbers) > 1}
    assert not twice


def test_no_path_is_twice_in_a_layer(layers: list[Layer]) -> None:
    for number, layer in enumerate(layers, start=1):
        counts = Counter(member.path for member in layer.members)
        assert not [path for path, count in counts.items() if count > 1], f"layer {number}"


def test_no_layer_puts_a_directory_where_another_has_a_link(layers: list[Layer]) -> None:
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for layer in layers:
        for member in layer.members:
            kinds[member.path].add(member.kind)
    assert not {path: kind for path, kind in kinds.items() if len(kind) > 1}


def test_no_layer_passes_through_a_link_of_another(members: list[Member]) -> None:
    links = {member.path for member in members if member.kind == "symlink"}
    through = [member.path for member in members if links & {*map(str, PurePosixPath(member.path).parents)}]
    assert not through


def test_no_layer_deletes_anything(members: list[Member]) -> None:
    assert not [member.path for member in members if PurePosixPath(member.path).name.startswith(".wh.")]


def test_no_store_path_is_named(members: list[Member]) -> None:
    texts = [text for member in members for text in (f"/{member.path}", member.target)]
    assert not [text for text in texts if "/nix/store" in text]


def test_every_link_leads_somewhere_in_the_image(files: dict[str, Member]) -> None:
    dangling = [
        f"/{path} -> {member.target}"
        for path, member in files.items()
        if member.kind == "symlink" and resolve(member, files) is None
    ]
    assert not dangling


def test_scanners_find_the_packages(files: dict[str, Member]) -> None:
    status = [path for path in files if path.startswith("var/lib/dpkg/status.d/") and not path.endswith(".md5sums")]
    assert {"libc6", "ca-certificates", "tzdata", "bash"} <= {PurePosixPath(path).name for path in status}


def resolve(link: Member, files: dict[str, Member], depth: int = 0) -> str | None:
    """Follow a link inside the image; None when it leads nowhere, or in a circle.

    /proc and /dev are the container runtime's, and exist once it has mounted them.
    """
    limit = 40  # Linux's own
    if depth > limit:
        return None
    if link.target.startswith("/"):
        parts, reached = link.target.split("/"), ""
    else:
        parts, reached = link.target.split("/"), str(PurePosixPath(link.path).parent).removeprefix(".")
    if parts[:2] in (["", "proc"], ["", "dev"], ["", "run"]):
        return link.target
    rest: Iterator[str] = iter(part for part in parts if part not in ("", "."))
    for part in rest:
        if part == "..":
            reached = reached.rpartition("/")[0]
            continue
        reached = f"{reached}/{part}".lstrip("/")
        if reached not in files:
            return None
        if files[reached].kind == "symlink":
            further = resolve(files[reached], files, depth + 1)
            if further is None:
                return None
            reached = further
    return reached
