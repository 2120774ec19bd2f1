"""Programs of the wheels run in a .venv: those in Python with its interpreter, all others as they are."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

from booksync_fetch.errors import BootstrapError
from booksync_fetch.venv import write_script, write_venv
from booksync_testing.programs import SHEBANG, SHELL, write_program

INTERPRETER = Path("/checkout/.venv/bin/python")
BINARY = b"\x7fELF\x02\x01\x01\nmore"


@pytest.mark.parametrize("first", [b"#!/usr/local/bin/python3.12", b"#!/usr/bin/env python3", b"#!python"])
def test_a_program_in_python_gets_the_interpreter_of_the_venv(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "tool").write_bytes(first + b"\nimport sys\nsys.exit()\n")
    write_script(tmp_path / "tool", tmp_path / "linked", interpreter=INTERPRETER)
    assert (tmp_path / "linked").read_bytes() == b"#!/checkout/.venv/bin/python\nimport sys\nsys.exit()\n"
    assert not (tmp_path / "linked").is_symlink()
    assert os.access(tmp_path / "linked", os.X_OK)


@pytest.mark.parametrize("folder", ["Book Sync", "x" * 120])
def test_a_path_that_the_kernel_does_not_take_is_run_by_the_shell(tmp_path: Path, folder: str) -> None:
    interpreter = tmp_path / folder / "python"
    interpreter.parent.mkdir()
    write_program(interpreter, f'{SHEBANG}echo interprets "$@"\n')
    (tmp_path / "tool").write_bytes(b"#!python\nimport sys\n")
    write_script(tmp_path / "tool", tmp_path / "linked", interpreter=interpreter)
    # the first three lines are such that a shell and Python read them
    done = subprocess.run([*SHELL, str(tmp_path / "linked"), "a b"], capture_output=True, text=True, check=True)
    assert done.stdout == f"interprets {tmp_path}/linked a b\n"
    (constant, statement) = ast.parse((tmp_path / "linked").read_text()).body
    assert isinstance(constant, ast.Expr)
    assert isinstance(statement, ast.Import)


@pytest.mark.parametrize("content", [BINARY, b"", b"#!/bin/sh\nexec python3\n"])
def test_another_program_is_linked_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tool").write_bytes(content)
    write_script(tmp_path / "tool", tmp_path / "linked", interpreter=INTERPRETER)
    assert (tmp_path / "linked").readlink() == tmp_path / "tool"


def test_what_the_venv_has_already_stays(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(BINARY)
    (tmp_path / "linked").write_bytes(b"its own")
    write_script(tmp_path / "python", tmp_path / "linked", interpreter=INTERPRETER)
    assert (tmp_path / "linked").read_bytes() == b"its own"


def test_an_interpreter_that_cannot_run_here_is_named_with_what_it_needs(tmp_path: Path) -> None:
    python = tmp_path / "cpython"
    (tmp_path / ".venv").mkdir()
    with pytest.raises(BootstrapError, match=rf"{python}/bin/python3\.12: expected it to run .* usual loader in /lib"):
        write_venv(tmp_path, python=python, site=tmp_path / "site")
    assert (tmp_path / ".venv").exists()
