"""Locks are read as artifacts with the keys and names of Nix, replaced as a whole, and named when they are bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from booksync_fetch.arguments import parse_arguments
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import NAMES, Artifact, load_lock, load_locks, parse_artifacts, to_store_name, write_lock

LOCKS: dict[str, Any] = {
    "debian": {
        "packages": {
            "amd64": {"libc6": {"path": "pool/main/g/glibc/libc6_2.41-12~x_amd64.deb", "sha256": "aa", "size": 3}},
            "arm64": {"libc6": {"path": "pool/main/g/glibc/libc6_2.41-12_arm64.deb", "sha256": "bb", "size": 4}},
        },
        "busybox": {"amd64": {"narHash": "sha256-a="}, "arm64": {"narHash": "sha256-b="}},
    },
    "wheels": {
        "wheels": {
            "amd64": {"six": {"file": "six-1.0-py3-none-any.whl", "sha256": "cc", "size": 5}},
            "arm64": {},
        }
    },
    "python": {"file": "python-v1.zip", "sha256": "dd", "size": 6},
    "go": {"vendor": {"name": "go-vendor", "narHash": "sha256-c="}},
    "model": {"file": "model-1-py3-none-any.whl", "sha256": "ee", "size": 7},
    "pgvector": {"path": "pool/main/p/pgvector_1.orig.tar.gz", "sha256": "ff", "size": 8},
}


@pytest.fixture
def artifacts() -> dict[str, Artifact]:
    return parse_artifacts(LOCKS)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libc6_2.41-12+deb13u1_amd64.deb", "libc6_2.41-12+deb13u1_amd64.deb"),
        ("x_1.0~rc1_all.deb", "x_1.0-rc1_all.deb"),
        ("x_1%3a2_all.deb", "x_1-3a2_all.deb"),
        ("a b@c", "a-b-c"),
        ("what?=_+.-", "what?=_+.-"),
    ],
)
def test_a_store_name_has_only_what_the_store_allows(file: str, name: str) -> None:
    assert to_store_name(file) == name


def test_every_entry_is_an_artifact_under_its_key(artifacts: dict[str, Artifact]) -> None:
    assert sorted(artifacts) == [
        "busybox amd64",
        "busybox arm64",
        "debian amd64 libc6",
        "debian arm64 libc6",
        "go",
        "model",
        "pgvector",
        "python",
        "wheels amd64 six",
    ]
    assert all(artifact.key == key for key, artifact in artifacts.items())


@pytest.mark.parametrize(
    ("key", "name", "file"),
    [
        ("debian amd64 libc6", "libc6_2.41-12-x_amd64.deb", "libc6_2.41-12~x_amd64.deb"),
        ("wheels amd64 six", "six-1.0-py3-none-any.whl", "six-1.0-py3-none-any.whl"),
        ("pgvector", "pgvector_1.orig.tar.gz", "pgvector_1.orig.tar.gz"),
        ("busybox arm64", "busybox-arm64", "busybox-arm64"),
        ("go", "go-vendor", "go-vendor"),
    ],
)
def test_an_artifact_has_a_name_in_the_store_and_one_at_its_registry(
    artifacts: dict[str, Artifact], key: str, name: str, file: str
) -> None:
    assert (artifacts[key].name, artifacts[key].file) == (name, file)


@pytest.mark.parametrize(
    ("key", "kind", "architecture"),
    [("debian arm64 libc6", "debian", "arm64"), ("busybox amd64", "busybox", "amd64"), ("model", "model", "")],
)
def test_a_key_tells_kind_and_architecture(
    artifacts: dict[str, Artifact], key: str, kind: str, architecture: str
) -> None:
    assert (artifacts[key].kind, artifacts[key].architecture) == (kind, architecture)


def test_what_is_made_of_other_artifacts_has_no_bytes_to_fetch(artifacts: dict[str, Artifact]) -> None:
    assert (artifacts["busybox amd64"].size, artifacts["busybox amd64"].sha256) == (0, "")
    assert (artifacts["debian amd64 libc6"].size, artifacts["debian amd64 libc6"].sha256) == (3, "aa")


def test_locks_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    for name in NAMES:
        write_lock(tmp_path / "lock", name, LOCKS[name])
    assert load_locks(tmp_path / "lock") == LOCKS
    assert sorted(path.stem for path in (tmp_path / "lock").iterdir()) == sorted(NAMES)


def test_equal_content_is_written_as_equal_bytes(tmp_path: Path) -> None:
    write_lock(tmp_path, "one", {"b": 1, "a": 2})
    write_lock(tmp_path, "two", {"a": 2, "b": 1})
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_lock_is_named_with_a_command_that_exists(tmp_path: Path, name: str) -> None:
    with pytest.raises(BootstrapError) as caught:
        load_lock(tmp_path, name)
    message = str(caught.value)
    assert f"{tmp_path}/{name}.json: expected a lock, found no file" in message
    command = message.rpartition("./bootstrap ")[2].split()
    assert parse_arguments(command).command == "update"


@pytest.mark.parametrize("content", [b"", b'{"half":', b"<<<<<<< HEAD\n{}", b"\xff\xfe"])
def test_a_lock_that_is_no_json_is_named_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wheels.json").write_bytes(content)
    with pytest.raises(
        BootstrapError,
        match=r"wheels\.json: expected JSON, got .*version control.*remove it and run: \./bootstrap update",
    ):
        load_lock(tmp_path, "wheels")


def test_a_lock_survives_content_that_cannot_be_written(tmp_path: Path) -> None:
    write_lock(tmp_path, "go", {"vendor": "old"})
    with pytest.raises(TypeError):
        write_lock(tmp_path, "go", {"vendor": {1, 2}})
    assert json.loads((tmp_path / "go.json").read_text()) == {"vendor": "old"}


def test_a_lock_survives_a_crash_while_the_new_one_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(tmp_path, "go", {"vendor": "old"})

    def write_half(path: Path, text: str) -> None:
        path.write_bytes(text.encode()[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        write_lock(tmp_path, "go", {"vendor": "new"})
    assert load_lock(tmp_path, "go") == {"vendor": "old"}
