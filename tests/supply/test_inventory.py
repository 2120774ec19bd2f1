"""Every file of a tree is given to exactly one component, by what packages have brought and nothing has changed."""

import hashlib
from pathlib import Path

import pytest

from booksync_build.component import Component, File
from booksync_build.inventory import UnclaimedError, find_compiled_in, hash_file, share_out, walk
from booksync_build.inventory_debian import list_debian
from booksync_build.inventory_wheels import SITE_PACKAGES, list_wheels
from booksync_testing.debian_package import Entries, make_deb


def component(name: str) -> Component:
    return Component(kind="generic", name=name, version="1", purl=f"pkg:generic/{name}@1", supplier="NOASSERTION")


def files_of(*paths: str) -> dict[str, File]:
    return {path: File(path=path, sha1="", sha256="") for path in paths}


def test_the_first_who_claims_has_it_and_the_rest_is_left() -> None:
    one, other, rest = share_out(
        [(component("one"), ["a", "shared"]), (component("other"), ["b", "shared", "link"])],
        files=files_of("a", "b", "mine", "shared"),
        links=["link"],
        rest=component("rest"),
    )
    assert [[file.path for file in item.files] for item in (one, other, rest)] == [["a", "shared"], ["b"], ["mine"]]
    assert [list(item.links) for item in (one, other, rest)] == [[], ["link"], []]


def test_what_nobody_claims_is_an_error_without_a_rest() -> None:
    with pytest.raises(UnclaimedError, match="of no component: mine"):
        share_out([(component("one"), ["a"])], files=files_of("a", "mine"), links=[], rest=None)


CONTROL = "Version: 1:2+b1\nArchitecture: arm64\nSource: things (2)\nMaintainer: Somebody <x@y>\n"


def test_a_package_has_what_it_brought_unless_it_was_changed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    entries: Entries = {"./bin/thing": b"1", "./etc/thing": b"theirs", "./bin/t": "thing", "./usr/dropped": b""}
    deb = make_deb(tmp_path, "thing", entries, control=CONTROL)
    for path, content in {"usr/bin/thing": b"1", "etc/thing": b"ours", "var/lib/dpkg/status.d/thing": b"x"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "usr/bin/t").symlink_to("thing")
    paths, links = walk(root)
    assert links == ["usr/bin/t"]
    hashes = {path: hash_file(root, path).sha256 for path in paths}
    ((found, claimed),) = list_debian(
        [{"path": str(deb), "source": "thing.deb", "sha256": "5" * 64}], root=root, hashes=hashes
    )
    assert sorted(claimed) == ["usr/bin/t", "usr/bin/thing", "var/lib/dpkg/status.d/thing"]
    assert found.purl == "pkg:deb/debian/thing@1%3A2%2Bb1?arch=arm64&distro=debian-13&upstream=things%402"
    assert (found.version, found.supplier) == ("1:2+b1", "Debian")


def write_project(root: Path, name: str, rows: list[str]) -> None:
    folder = root / SITE_PACKAGES / f"{name.replace('-', '_')}-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\nLicense-Expression: MIT\n\nLicense: x"
    )
    (folder / "RECORD").write_text("".join(f"{row},,\n" for row in rows))


def test_a_wheel_has_what_its_record_says_and_the_bytecode_of_it(tmp_path: Path) -> None:
    write_project(tmp_path, "Some_Thing", ["thing/a.py", "../../../bin/thing", "thing/dropped.py"])
    site = SITE_PACKAGES
    present = {f"{site}/thing/a.py", f"{site}/thing/__pycache__/a.cpython-312.pyc", "usr/local/bin/thing"}
    wheel = {"name": "some-thing", "source": "some_thing-1-py3-none-any.whl", "sha256": "5" * 64}
    ((found, claimed),) = list_wheels([wheel], root=tmp_path, paths=present)
    assert set(claimed) == present
    assert (found.kind, found.purl, found.sha256) == ("pypi", "pkg:pypi/some-thing@1", "5" * 64)
    assert found.licence.expression == "MIT"


def test_a_project_that_is_not_locked_is_this_one_s(tmp_path: Path) -> None:
    write_project(tmp_path, "booksync-api-auth", [])
    ((found, _),) = list_wheels([], root=tmp_path, paths=set())
    assert (found.kind, found.supplier, found.sha256) == ("generic", "BookSync", "")


RULE = {
    "name": "lib",
    "purl": "pkg:generic/lib",
    "cpe": "vendor:lib",
    "licence": "MIT",
    "path": "binary",
    "pattern": r"lib (\d+\.\d+)\x00",
}


@pytest.mark.parametrize("content", [b"nothing", b"lib 1.2\0lib 1.3\0"])
def test_a_library_inside_has_one_version(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "binary").write_bytes(content)
    with pytest.raises(UnclaimedError, match="lib: expected one version"):
        list(find_compiled_in(tmp_path, [RULE], within="whole"))


def test_a_library_inside_is_a_component_without_files(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\0lib 1.2\0 and again lib 1.2\0")
    (found,) = find_compiled_in(tmp_path, [RULE], within="whole")
    assert (found.version, found.purl, found.within, list(found.files)) == ("1.2", "pkg:generic/lib@1.2", "whole", [])
    assert found.cpe == "cpe:2.3:a:vendor:lib:1.2:*:*:*:*:*:*:*"


def test_a_library_inside_may_not_say_its_version(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\0of lib\0 and again of lib\0")
    (found,) = find_compiled_in(tmp_path, [RULE | {"pattern": "of lib"}], within="whole")
    assert (found.version, found.purl, found.cpe) == ("", "pkg:generic/lib", "")
    with pytest.raises(UnclaimedError, match="lib: expected one version"):
        list(find_compiled_in(tmp_path, [RULE | {"pattern": "of another"}], within="whole"))


def test_files_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert hash_file(tmp_path, "file") == File(
        path="file",
        sha1=hashlib.sha1(b"content", usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(b"content").hexdigest(),
    )
