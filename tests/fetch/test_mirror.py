"""The mirror is DEBIAN_MIRROR, else the one that apt is set to, else asked for; busybox is read from its package."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from booksync_fetch.debian import mirror_bases
from booksync_fetch.debian_archive import extract_busybox
from booksync_fetch.errors import BootstrapError

SetSites = Callable[..., list[list[str]]]


@pytest.fixture
def apt_sites(monkeypatch: pytest.MonkeyPatch) -> SetSites:
    """An apt-get that says what its sources are, and the list of its calls."""

    def set_sites(sites: str, debian: str = "") -> list[list[str]]:
        calls: list[list[str]] = []

        def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
            calls.append(command)
            shown = debian if "Origin: Debian" in command else sites
            return subprocess.CompletedProcess(command, 0, stdout=shown, stderr="")

        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return set_sites


@pytest.mark.parametrize(
    ("mirror", "debian", "security"),
    [
        ("http://m", "http://m/debian", "http://m/debian-security"),
        ("http://m/", "http://m/debian", "http://m/debian-security"),
        ("http://m/debian", "http://m/debian", "http://m/debian-security"),
        ("http://m/a/b//", "http://m/a/b/debian", "http://m/a/b/debian-security"),
        ("http://{archive}.m/debian", "http://debian.m/debian", "http://debian-security.m/debian"),
        ("http://m/{archive}/20260101", "http://m/debian/20260101", "http://m/debian-security/20260101"),
        ("http://{archive}.m/x/", "http://debian.m/x", "http://debian-security.m/x"),
    ],
)
def test_the_mirror_that_was_chosen_has_both_archives(
    monkeypatch: pytest.MonkeyPatch, apt_sites: SetSites, mirror: str, debian: str, security: str
) -> None:
    calls = apt_sites("http://other/debian\n")
    monkeypatch.setenv("DEBIAN_MIRROR", mirror)
    assert mirror_bases() == {"debian": debian, "debian-security": security}
    assert calls == []


def test_a_machine_without_apt_is_told_to_name_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BootstrapError, match=r"expected apt.*found none; name a mirror: DEBIAN_MIRROR=URL"):
        mirror_bases()


def test_an_empty_choice_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBIAN_MIRROR", "")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BootstrapError, match="expected apt"):
        mirror_bases()


def test_the_mirror_of_apt_is_used_for_each_archive(apt_sites: SetSites) -> None:
    calls = apt_sites("http://deb.m/debian/\nhttp://deb.m/debian\nhttps://sec.m/debian-security\nhttp://x/docker\n")
    assert mirror_bases() == {"debian": "http://deb.m/debian", "debian-security": "https://sec.m/debian-security"}
    assert [call[:2] for call in calls] == 2 * [["apt-get", "indextargets"]]


def test_another_s_archive_of_that_name_is_not_debian_s(apt_sites: SetSites) -> None:
    apt_sites("http://server/stable/debian\nhttp://deb.m/debian\n", debian="http://deb.m/debian\n")
    assert mirror_bases()["debian"] == "http://deb.m/debian"


def test_the_first_mirror_of_apt_wins(apt_sites: SetSites) -> None:
    apt_sites("http://one/debian\nhttp://two/debian\n")
    assert mirror_bases()["debian"] == "http://one/debian"


def test_a_security_archive_that_apt_lacks_is_beside_the_other(apt_sites: SetSites) -> None:
    apt_sites("http://deb.m/mirror/debian\n")
    assert mirror_bases()["debian-security"] == "http://deb.m/mirror/debian-security"


@pytest.mark.parametrize(
    ("sites", "found"),
    [
        ("", "none"),
        ("http://archive.m/ubuntu\n", "none"),
        ("file:/srv/debian\n", "none"),
        ("http://m/debian-security", "debian-security"),
    ],
)
def test_sources_without_a_mirror_of_debian_are_said_with_the_way_out(
    apt_sites: SetSites, sites: str, found: str
) -> None:
    apt_sites(sites)
    with pytest.raises(
        BootstrapError, match=rf"apt's sources: expected a mirror of Debian, found .*{found}.*DEBIAN_MIRROR="
    ):
        mirror_bases()


def test_busybox_is_taken_from_its_package(tmp_path: Path, busybox_deb: bytes) -> None:
    deb = tmp_path / "busybox-static.deb"
    deb.write_bytes(busybox_deb)
    folder = extract_busybox(deb, tmp_path / "busybox-amd64")
    assert [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))] == ["bin", "bin/busybox"]
    assert (folder / "bin/busybox").read_bytes() == b"the program"
    assert os.access(folder / "bin/busybox", os.X_OK)


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"a text that is longer than the header of a member" * 3])
def test_a_package_without_busybox_is_named(tmp_path: Path, empty_deb: bytes, content: bytes | None) -> None:
    deb = tmp_path / "busybox-static.deb"
    deb.write_bytes(empty_deb if content is None else content)
    expected = "bin/busybox in it, found none" if content is None else "a Debian package with data.tar"
    with pytest.raises(BootstrapError, match=rf"busybox-static\.deb: expected {expected}"):
        extract_busybox(deb, tmp_path / "busybox-amd64")
