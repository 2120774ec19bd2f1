"""All locked artifacts go to an archive, and come back from it when there is no other place left."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from booksync_fetch import cli
from booksync_fetch.archive import copy_from, copy_to, parse_url, uncompressed
from booksync_fetch.arguments import parse_arguments
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.nix import Nix
from booksync_fetch.plan import Derivation

URL = "file:///srv/archive"
PATHS = ["/nix/store/a-bash.deb", "/nix/store/b-torch.whl"]


class Store(Nix):
    """A Nix store and an archive that only remember which paths they have, and what was asked of them."""

    scratch = None

    def __init__(self, *, valid: Iterable[str] = (), archived: Iterable[str] = ()) -> None:
        self.valid = set(valid)
        self.archived = set(archived)
        self.commands: list[list[str]] = []

    def run(self, program: str, arguments: Sequence[str], *, quiet: bool = False) -> str:
        assert (program, arguments[0], quiet) == ("nix", "copy", False)
        self.commands.append([*arguments])
        _, direction, _, *paths = arguments
        source, sink = (self.valid, self.archived) if direction == "--to" else (self.archived, self.valid)
        if not source.issuperset(paths):
            raise BootstrapError("nix copy failed with status 1; the reason stands above")
        sink.update(paths)
        return ""

    def find_missing(self, paths: Sequence[str]) -> set[str]:
        return set(paths) - self.valid

    def add_roots(self, *_: object) -> None:
        pass

    def list_names(self, attribute: str) -> list[str]:
        return ["images", "booksync-api-auth"] if attribute.startswith("packages.") else [f"{attribute}-check"]

    def find_derivations(self, attributes: Sequence[str]) -> list[str]:
        return [f"/nix/store/{attribute}.drv" for attribute in attributes]

    def load_derivations(self, names: Sequence[str]) -> dict[str, Derivation]:
        system = names[0].split(".")[1]
        found = {
            f"{system}.drv": Derivation(outputs=[f"/nix/store/{system}"], inputs=[], artifact=f"tool {system}"),
            "bash.drv": Derivation(outputs=[PATHS[0]], inputs=[], artifact="debian amd64 bash"),
        }
        return found | {f"{name}.drv": Derivation(outputs=["/nix/store/x"], inputs=[], artifact=None) for name in names}


def test_it_is_written_uncompressed_and_read_as_it_is() -> None:
    store = Store(valid=PATHS)
    copy_to(URL, PATHS, store)
    fresh = Store(archived=store.archived)
    copy_from(URL, PATHS, fresh)
    assert fresh.valid == set(PATHS)
    assert store.commands == [["copy", "--to", f"{URL}?compression=none", *PATHS]]
    assert fresh.commands == [["copy", "--from", URL, *PATHS]]


def test_only_what_is_missing_is_copied_back() -> None:
    store = Store(valid=PATHS[:1], archived=PATHS)
    copy_from(URL, PATHS, store)
    copy_from(URL, PATHS, store)
    assert store.commands == [["copy", "--from", URL, PATHS[1]]]


def test_an_archive_that_lacks_something_is_said_to() -> None:
    with pytest.raises(BootstrapError, match=r"^file:///srv/archive: expected 2 artifacts .* without --from the rest"):
        copy_from(URL, PATHS, Store(archived=PATHS[:1]))


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("file:///srv/archive", "file:///srv/archive?compression=none"),
        ("s3://bucket?region=eu-west-3", "s3://bucket?region=eu-west-3&compression=none"),
        ("s3://bucket?endpoint=minio.example:9000", "s3://bucket?endpoint=minio.example%3A9000&compression=none"),
        ("file:///srv/archive?compression=zstd", "file:///srv/archive?compression=zstd"),
        ("ssh://nas.example", "ssh://nas.example"),
    ],
)
def test_what_is_compressed_already_is_not_compressed_again(url: str, written: str) -> None:
    assert parse_url(url) == url
    assert uncompressed(url) == written


@pytest.mark.parametrize("text", ["", "/srv/archive", "archive", "file:archive", "file://"])
def test_an_address_has_a_scheme_and_a_whole_path(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a URL such as file:///"):
        parse_url(text)


def test_nothing_is_written_where_nix_can_only_read() -> None:
    store = Store(valid=PATHS)
    with pytest.raises(BootstrapError, match=r"can write to \(file, s3, ssh, ssh-ng\), got https"):
        copy_to("https://cache.example.org", PATHS, store)
    assert store.commands == []


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have two locked artifacts that all need, and one of each builder; no registry has any."""
    keys = ["debian amd64 bash", "tool x86_64-linux", "tool aarch64-linux"]
    entries = {key: Artifact(key, key, {"sha256": "5" * 64, "size": 1}) for key in keys}
    monkeypatch.setattr(cli, "load_locks", lambda _: {})
    monkeypatch.setattr(cli, "parse_artifacts", lambda _: entries)
    monkeypatch.setattr(cli, "builder_system", lambda: "x86_64-linux")
    monkeypatch.setenv("BOOKSYNC_CACHE", str(tmp_path / "cache"))


TOOLS = {"/nix/store/x86_64-linux", "/nix/store/aarch64-linux"}


@pytest.mark.usefixtures("locked")
def test_what_builders_of_both_architectures_need_is_archived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(valid=[PATHS[0], *TOOLS])
    monkeypatch.setattr(cli, "Nix", lambda _: store)
    assert cli.run(parse_arguments(["archive", URL]), tmp_path) == 0
    assert store.archived == {PATHS[0], *TOOLS}
    assert capsys.readouterr().out == f"{URL}\n"


@pytest.mark.usefixtures("locked")
@pytest.mark.parametrize("command", [["fetch"], ["fetch", "auth"]])
def test_a_fetch_from_an_archive_asks_no_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    store = Store(archived=[PATHS[0], *TOOLS])
    monkeypatch.setattr(cli, "Nix", lambda _: store)
    monkeypatch.setattr("booksync_fetch.fetch.Fetch.download", lambda _, absent: assert_nothing(absent))
    assert cli.run(parse_arguments([*command, "--from", URL]), tmp_path) == 0
    assert store.valid == {PATHS[0], "/nix/store/x86_64-linux"}


def assert_nothing(absent: Sequence[Artifact]) -> None:
    assert absent == []
