"""``./bootstrap venv``: a ``.venv`` of the locked CPython and wheels, with this checkout's sources on its path."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from booksync_fetch.errors import BootstrapError

SITE_PACKAGES = "lib/python3.12/site-packages"
#: Linux's BINPRM_BUF_SIZE of before 5.1, without `#!`, newline and zero.
LONGEST_SHEBANG = 124
SOURCES = ("services/*/src", "services/*/tests/lib", "nix/builders", "nix/fetch", "nix/apps", "tests/lib")


def write_venv(root: Path, *, python: Path, site: Path) -> Path:
    """Make or replace ``.venv`` below ``root`` and return it.

    :param python: the store path of the CPython to link
    :param site: the store path of the tree with the wheels
    :raises BootstrapError: this machine cannot run that CPython
    """
    target = root / ".venv"
    interpreter = python / "bin/python3.12"
    try:
        # one that is there stays where this machine cannot make another
        subprocess.run([str(interpreter), "-B", "-c", ""], check=True, stdin=subprocess.DEVNULL)
        if target.exists():
            shutil.rmtree(target)
        words = [str(interpreter), "-B", "-m", "venv", "--without-pip", str(target)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(
            f"{interpreter}: expected it to run on this machine, got: {error}; it needs the usual loader in /lib or "
            "/lib64 (on NixOS: programs.nix-ld)"
        ) from error
    paths = [site / "usr/local" / SITE_PACKAGES]
    paths += sorted(path for pattern in SOURCES for path in root.glob(pattern))
    # root may write into the store: no bytecode of its modules there, which would not be what the store says that it is
    lines = ["import sys; sys.dont_write_bytecode = True", *map(str, paths)]
    (target / SITE_PACKAGES / "booksync.pth").write_text("".join(f"{line}\n" for line in lines))
    for script in sorted((site / "usr/local/bin").iterdir()):
        write_script(script, target / "bin" / script.name, interpreter=target / "bin/python")
    return target


def write_script(source: Path, target: Path, *, interpreter: Path) -> None:
    """Link a program of the wheels; one in Python gets the interpreter of the ``.venv``."""
    if target.exists():
        return
    content = source.read_bytes()
    first, _, rest = content.partition(b"\n")
    if not (first.startswith(b"#!") and b"python" in first):
        target.symlink_to(source)
        return
    target.write_bytes(format_shebang(interpreter) + rest)
    target.chmod(0o755)


def format_shebang(interpreter: Path) -> bytes:
    """Return a script's first lines: the kernel takes no space in a path, nor more than 127 bytes.

    The three that a shell and Python both read are those of pip and distlib.
    """
    path = os.fsencode(interpreter)
    if b" " not in path and len(path) <= LONGEST_SHEBANG:
        return b"#!%b\n" % path
    return b"#!/bin/sh\n'''exec' \"%b\" \"$0\" \"$@\"\n' '''\n" % path
