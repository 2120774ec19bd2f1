"""Wheels: by pip, from whatever index pip is set to, with the locked hash of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress

#: Bytes that one pip fetches: its start costs as much as a few MB.
BATCH_BYTES = 40_000_000
PYTHON = "3.12"


def split_batches(artifacts: Sequence[Artifact]) -> Iterator[list[Artifact]]:
    """Group wheels of one architecture so that one pip fetches many small ones, or one large one."""
    batch: list[Artifact] = []
    for artifact in sorted(artifacts, key=lambda artifact: (artifact.architecture, artifact.size, artifact.key)):
        full = sum(member.size for member in batch) + artifact.size > BATCH_BYTES
        if batch and (full or batch[0].architecture != artifact.architecture):
            yield batch
            batch = []
        batch.append(artifact)
    if batch:
        yield batch


def parse_platforms(file: str) -> list[str]:
    """Return the platform tags of a wheel's file name (PyPA: binary distribution format); none for ``any``."""
    tags = file.removesuffix(".whl").rpartition("-")[2].split(".")
    return [tag for tag in tags if tag != "any"]


def parse_requirement(artifact: Artifact) -> str:
    """Return the line of a requirements file that allows one wheel alone."""
    name = artifact.file.split("-")[0].replace("_", "-")
    return f"{name}=={artifact.entry['version']} --hash=sha256:{artifact.sha256}"


def download_wheels(artifacts: Sequence[Artifact], cache: Cache, progress: Progress) -> list[Path]:
    """Download wheels of one architecture.

    :raises BootstrapError: pip failed
    """
    scratch = cache.scratch("pip")
    target = scratch / "wheels"
    temporary = scratch / "tmp"
    temporary.mkdir()
    requirements = scratch / "requirements.txt"
    requirements.write_text("".join(f"{parse_requirement(artifact)}\n" for artifact in artifacts))
    platforms = sorted({tag for artifact in artifacts for tag in parse_platforms(artifact.file)})
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-cache-dir", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python-version", PYTHON, "--implementation", "cp"),
        *("--abi", f"cp{PYTHON.replace('.', '')}", "--abi", "abi3", "--abi", "none"),
        *(part for platform in platforms or ["any"] for part in ("--platform", platform)),
        *("--dest", str(target), "--requirement", str(requirements)),
    ]
    with progress.watching(scratch):
        done = subprocess.run(
            command,
            env=os.environ | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BootstrapError(
            f"pip download of {', '.join(artifact.file for artifact in artifacts[:3])}"
            f"{' ...' if len(artifacts) > 3 else ''}: expected the locked wheels, got:\n"
            + "\n".join(f"  {line}" for line in lines[-5:])
            + "\n  Run the same command again; pip's own settings (pip config) say which index it asks"
        )
    kept = []
    for artifact in artifacts:
        progress.add_bytes(artifact.size)
        progress.add_file()
        kept.append(cache.keep(target / artifact.file, sha256=artifact.sha256, name=artifact.file))
    return kept
