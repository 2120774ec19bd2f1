"""`nix run .#archive` is the checkout's `./bootstrap archive`, and says so where there is no checkout.

BOOKSYNC_ARCHIVE is the flake's program.
"""

import os
import subprocess
from pathlib import Path

import pytest

from booksync_testing.programs import SHEBANG, write_program

USAGE = 2


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("BOOKSYNC_ARCHIVE") or pytest.fail("set BOOKSYNC_ARCHIVE to the program of .#archive")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_it_hands_its_arguments_to_the_checkout(tmp_path: Path) -> None:
    write_program(tmp_path / "bootstrap", f'{SHEBANG}printf "%s|" "$@"\nexit 7\n')
    done = run(tmp_path, "file:///srv/an archive", "auth")
    assert (done.returncode, done.stdout) == (7, "archive|file:///srv/an archive|auth|")


def test_outside_of_a_checkout_it_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "file:///srv/archive")
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert f"expected to be run in a checkout of BookSync, got {tmp_path}" in done.stderr
