"""Build every step below some images a second time and compare: ``nix-store --realise --check``, one at a time.

``nix build --rebuild`` would look at the topmost alone, which copies descriptors.
"""

from __future__ import annotations

import concurrent.futures
import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from booksync_fetch.errors import BootstrapError
from booksync_fetch.nix import Nix
from booksync_fetch.progress import say

#: Derivations at once: most steps run on one core for most of their time.
JOBS = 2


def list_steps(nix: Nix, derivations: Sequence[str], artifacts: Sequence[str]) -> dict[str, str]:
    """Return the derivations below some, with their outputs; not those of artifacts, which are never executed.

    :param artifacts: store paths of artifacts
    """
    below = [path for path in nix.find_requisites(derivations) if path.endswith(".drv")]
    outputs = nix.find_outputs(below)
    if len(outputs) != len(below):
        raise BootstrapError(f"expected one output of each of {len(below)} derivations, got {len(outputs)}")
    fixed = set(artifacts)
    return {step: output for step, output in zip(below, outputs) if output not in fixed}


def rebuild_steps(nix: Nix, steps: dict[str, str]) -> dict[str, str]:
    """Rebuild derivations.

    :param steps: derivation -> output
    :return: derivation -> what came otherwise, of those that did not come out equal
    """
    differences: dict[str, str] = {}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        running = {pool.submit(rebuild, nix, step, Path(output)): step for step, output in steps.items()}
        try:
            for number, future in enumerate(concurrent.futures.as_completed(running), start=1):
                step = running[future]
                difference = future.result()
                if difference:
                    differences[step] = difference
                say(f"reproduce: {number} of {len(steps)}: {name_of(step)} {difference or 'equal'}")
        except BaseException:
            for future in running:
                future.cancel()
            raise
    return differences


def name_of(derivation: str) -> str:
    """Return a derivation's name, without the hash."""
    return PurePosixPath(derivation).stem.partition("-")[2]


def rebuild(nix: Nix, derivation: str, output: Path) -> str:
    """Build one derivation again and return how the result differs; nothing where it is equal.

    :raises BootstrapError: it cannot be built
    """
    again = output.with_name(f"{output.name}.check")
    earlier = identify(again)
    reason = nix.rebuild(derivation)
    if not reason:
        return ""
    if identify(again) == earlier:  # there is none, or one that an earlier run could not remove
        raise BootstrapError(f"{name_of(derivation)}: expected it to build again, got:\n{reason}")
    try:
        return find_difference(output, again) or "only what Nix keeps of its files differs"
    finally:
        try:
            remove(again)
        except OSError as error:  # behind a daemon the store is not this user's
            say(f"reproduce: {again} is left: {error.strerror}; Nix's garbage collector removes it")


def identify(path: Path) -> tuple[int, int] | None:
    """Return what tells a file or folder from one that has stood at its place before; None where there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_ctime_ns


def remove(path: Path) -> None:
    """Remove what a comparison has left in the store."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o755)
        shutil.rmtree(path)
    else:
        path.unlink()


def find_difference(left: Path, right: Path) -> str:
    """Return the first difference between two files or folders, in words; nothing where there is none."""
    for path in walk(left, right):
        name = str(path) if path.parts else "it"
        one, other = left / path, right / path
        if kind(one) != kind(other):
            return f"{name}: {kind(one)} and {kind(other)}"
        if one.is_symlink() and one.readlink() != other.readlink():
            return f"{name}: leads to {one.readlink()} and {other.readlink()}"
        if kind(one) in ("a file", "a program") and not filecmp.cmp(one, other, shallow=False):
            return f"{name}: the content differs"
    return ""


def kind(path: Path) -> str:
    """Say what stands at a path, as far as a Nix store tells."""
    if path.is_symlink():
        return "a link"
    if path.is_dir():
        return "a folder"
    if path.is_file():
        return "a program" if os.access(path, os.X_OK) else "a file"
    return "nothing"


def walk(left: Path, right: Path) -> Iterator[Path]:
    """Yield the relative paths that either folder has, sorted."""
    found = {Path()}
    for root in (left, right):
        if root.is_dir() and not root.is_symlink():
            found.update(path.relative_to(root) for path in root.rglob("*"))
    return iter(sorted(found))
