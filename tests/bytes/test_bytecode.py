"""Compiled modules depend on their source alone: not on order, parallelism or place of the build."""

import importlib.util
import marshal
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_build import bytecode
from booksync_build.bytecode import compile_tree

SOURCES = {
    f"usr/lib/m{number}.py": (
        f"NAME = 'shared'\n"
        f"def f{number}(shared, x={number}):\n"
        f"    return shared, 'shared', {{'k': (1, 2, 'm{number}')}}\n"
    )
    for number in range(12)
}


def write_tree(root: Path) -> Path:
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def read_compiled(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.pyc"))}


@pytest.fixture
def compiled(tmp_path: Path) -> dict[str, bytes]:
    root = write_tree(tmp_path / "first")
    compile_tree(root, jobs=1)
    return read_compiled(root)


def test_every_module_is_compiled(compiled: dict[str, bytes]) -> None:
    assert len(compiled) == len(SOURCES)


def test_bytes_are_equal_in_another_folder_and_in_parallel(tmp_path: Path, compiled: dict[str, bytes]) -> None:
    root = write_tree(tmp_path / "another/place")
    compile_tree(root, jobs=4)
    assert read_compiled(root) == compiled


def test_bytes_are_equal_when_fewer_modules_are_compiled(tmp_path: Path, compiled: dict[str, bytes]) -> None:
    root = write_tree(tmp_path / "fewer")
    for name in list(SOURCES)[:-1]:
        (root / name).unlink()
    compile_tree(root, jobs=1)
    (last,) = read_compiled(root).items()
    assert compiled[last[0]] == last[1]


def test_single_characters_do_not_depend_on_what_the_interpreter_has_interned(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("CHARACTERS = '?', '\u00bf'\n")
    compile_tree(tmp_path, jobs=1)
    ((_, content),) = read_compiled(tmp_path).items()
    # marshal.c: TYPE_SHORT_ASCII_INTERNED and TYPE_INTERNED, each with FLAG_REF
    assert b"\xda\x01?" in content
    assert b"\xf4\x02\x00\x00\x00\xc2\xbf" in content


def test_hash_is_unchecked_and_file_name_is_that_of_the_image(compiled: dict[str, bytes]) -> None:
    content = compiled["usr/lib/__pycache__/m0.cpython-312.pyc"]
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01  # PEP 552: hash-based, not checked
    assert marshal.loads(content[16:]).co_filename == "/usr/lib/m0.py"


def test_a_module_that_does_not_compile_gets_no_bytecode(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (")
    compile_tree(tmp_path, jobs=1)
    assert not list(tmp_path.rglob("*.pyc"))


@pytest.fixture
def _full_disk() -> Iterator[None]:
    """Let no file grow beyond some bytes: a longer write takes these alone, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_full_disk")
def test_half_of_a_pyc_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("NAME = 'shared'\n")
    with pytest.raises(RuntimeError, match=r"m\.py: its \.pyc could not be written"):
        compile_tree(tmp_path, jobs=1)


def test_a_compiler_that_was_killed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode, "compile_module", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="exit code -9"):
        compile_tree(write_tree(tmp_path), jobs=4)
