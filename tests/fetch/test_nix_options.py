"""Nix is called with what this machine's configuration lacks, and errors name what a person can do."""

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from booksync_fetch.errors import BootstrapError
from booksync_fetch.nix import builder_system, choose_options, ensure_daemon, find_scratch, find_version

CACHE = ["https://cache.example/"]
NO_GROUP = ["--option", "build-users-group", ""]
NO_SUBSTITUTERS = ["--option", "substituters", ""]


def configuration(*, group: str = "nixbld", substituters: list[str] | None = None, jobs: int = 8) -> dict[str, Any]:
    return {
        "max-jobs": {"value": jobs, "defaultValue": 1},
        "build-users-group": {"value": group, "defaultValue": ""},
        "substituters": {"value": CACHE if substituters is None else substituters, "defaultValue": CACHE},
    }


def set_machine(monkeypatch: pytest.MonkeyPatch, *, user: int, groups: dict[str, list[str]]) -> None:
    """Be a user of a machine with these groups."""

    def find_group(name: str) -> SimpleNamespace:
        return SimpleNamespace(gr_mem=groups[name])

    monkeypatch.setattr("booksync_fetch.nix.os.geteuid", lambda: user)
    monkeypatch.setattr("booksync_fetch.nix.grp.getgrnam", find_group)


@pytest.mark.parametrize(
    ("user", "group", "groups", "options"),
    [
        (0, "nixbld", {}, NO_GROUP),
        (0, "nixbld", {"nixbld": []}, NO_GROUP),
        (0, "nixbld", {"nixbld": ["nixbld1"]}, []),
        (0, "", {}, []),
        (1000, "nixbld", {}, []),
    ],
)
def test_root_builds_itself_only_where_there_are_no_build_users(
    monkeypatch: pytest.MonkeyPatch, user: int, group: str, groups: dict[str, list[str]], options: list[str]
) -> None:
    set_machine(monkeypatch, user=user, groups=groups)
    assert choose_options(configuration(group=group, substituters=[])) == options


@pytest.mark.parametrize(
    ("substituters", "options"),
    [(CACHE, NO_SUBSTITUTERS), (["https://own.example"], []), ([*CACHE, "https://own.example"], []), ([], [])],
)
def test_the_public_cache_is_left_out_and_one_of_the_operator_is_kept(
    monkeypatch: pytest.MonkeyPatch, substituters: list[str], options: list[str]
) -> None:
    set_machine(monkeypatch, user=1000, groups={})
    assert choose_options(configuration(substituters=substituters)) == options


@pytest.mark.parametrize(("cores", "jobs"), [(1, "1"), (2, "2"), (64, "4"), (None, "1")])
def test_cores_are_used_unless_the_operator_has_said_how_many(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, jobs: str
) -> None:
    set_machine(monkeypatch, user=1000, groups={})
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert choose_options(configuration(substituters=[], jobs=1)) == ["--option", "max-jobs", jobs]
    assert choose_options(configuration(substituters=[], jobs=3)) == []


@pytest.mark.parametrize(
    ("machine", "system"),
    [("x86_64", "x86_64-linux"), ("AMD64", "x86_64-linux"), ("aarch64", "aarch64-linux"), ("arm64", "aarch64-linux")],
)
def test_a_machine_has_a_name_in_nix(monkeypatch: pytest.MonkeyPatch, machine: str, system: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname="Linux", machine=machine))
    assert builder_system() == system


@pytest.mark.parametrize(("sysname", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch, sysname: str, machine: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname=sysname, machine=machine))
    with pytest.raises(BootstrapError, match=f"expected Linux on x86_64 or aarch64, got {sysname} on {machine}"):
        builder_system()


def set_version(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("booksync_fetch.nix.subprocess.run", lambda *_, **__: SimpleNamespace(stdout=said))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("nix (Nix) 2.8.0\n", (2, 8)),
        ("nix (Determinate Nix 3.8.5) 2.30.2\n", (2, 30)),
        ("nix (Nix) 2.34.0pre20260101_0123abc\n", (2, 34)),
        ("nix (Lix, like Nix) 2.91.1\n", (2, 91)),
    ],
)
def test_every_nix_says_its_version(monkeypatch: pytest.MonkeyPatch, said: str, version: tuple[int, int]) -> None:
    set_version(monkeypatch, said)
    assert find_version() == version


@pytest.mark.parametrize("said", ["nix (Nix) 2.3.7\n", ""])
def test_a_nix_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    set_version(monkeypatch, said)
    with pytest.raises(
        BootstrapError, match=rf"expected 2\.8 or later, got {re.escape(said.strip() or 'nothing')}; install"
    ):
        find_version()


@pytest.mark.parametrize(
    ("user", "version", "chosen", "scratch"),
    [
        (0, (2, 8), {}, "/of/root"),
        (1000, (2, 8), {}, "/tmp"),
        (0, (2, 30), {}, None),
        (0, (2, 30), {"build-dir": {"value": "/builds"}}, "/builds"),
        (1000, (2, 30), {"build-dir": {"value": ""}}, None),
    ],
)
def test_where_builds_have_their_folders(
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    version: tuple[int, int],
    chosen: dict[str, Any],
    scratch: str | None,
) -> None:
    set_machine(monkeypatch, user=user, groups={})
    monkeypatch.setattr("booksync_fetch.nix.tempfile.gettempdir", lambda: "/of/root")
    assert find_scratch(chosen, version) == (Path(scratch) if scratch else None)


def test_a_daemon_for_a_group_is_explained_to_who_is_not_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_machine(monkeypatch, user=1000, groups={})
    ensure_daemon(tmp_path)
    ensure_daemon(tmp_path / "none")
    monkeypatch.setattr("booksync_fetch.nix.os.access", lambda *_: False)
    with pytest.raises(BootstrapError, match=r"usermod -aG nix-users USER; and log in again"):
        ensure_daemon(tmp_path)
    set_machine(monkeypatch, user=0, groups={})
    ensure_daemon(tmp_path)
