"""Wheels: by pip, from whatever index pip is set to, with the locked hash of each.

pip keeps nothing of a download that was cut (what ``--resume-retries`` of 25.1 gains is lost with the run). So a large
wheel is downloaded here, from the address that pip's log gives for it, and goes on where it ended; should pip not say,
or this download fail, pip itself fetches the wheel as it does the small ones.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from booksync_fetch.cache import Cache
from booksync_fetch.download import GoneError, UnreachableError, download
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.programs import run_program
from booksync_fetch.progress import Progress

#: Bytes that one pip fetches: its start costs as much as a few MB.
BATCH_BYTES = 40_000_000
#: Bytes of a wheel that are too many to be fetched again when a connection is cut.
LARGE_BYTES = 10_000_000
PYTHON = "3.12"
PIP = (sys.executable, "-m", "pip")
QUIET = ("--disable-pip-version-check", "--no-input")
#: Attempts of pip to go on within a run, for those that can (25.1 and later); others ignore it.
RESUME = {"PIP_RESUME_RETRIES": "5"}


def split_batches(artifacts: Sequence[Artifact]) -> Iterator[list[Artifact]]:
    """Group wheels of one architecture so that one pip fetches many small ones, or one large one."""
    batch: list[Artifact] = []
    for artifact in sorted(artifacts, key=lambda artifact: (artifact.architecture, artifact.size, artifact.key)):
        full = sum(member.size for member in batch) + artifact.size > BATCH_BYTES or artifact.size > LARGE_BYTES
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


def parse_name(file: str) -> str:
    """Return the package of a wheel's file name."""
    return file.partition("-")[0].replace("_", "-")


def parse_requirement(artifact: Artifact) -> str:
    """Return the line of a requirements file that allows one wheel alone."""
    return f"{parse_name(artifact.file)}=={artifact.entry['version']} --hash=sha256:{artifact.sha256}"


def choose_target(artifacts: Sequence[Artifact]) -> list[str]:
    """Return the options that make pip look for wheels of the images' CPython and platforms, not of its own."""
    platforms = sorted({tag for artifact in artifacts for tag in parse_platforms(artifact.file)})
    return [
        *("--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"),
        *("--abi", f"cp{PYTHON.replace('.', '')}", "--abi", "abi3", "--abi", "none"),
        *(part for platform in platforms or ["any"] for part in ("--platform", platform)),
    ]


def download_wheels(artifacts: Sequence[Artifact], cache: Cache, progress: Progress) -> list[Path]:
    """Download wheels of one architecture: many small ones, or one large one.

    :raises BootstrapError: they do not come, or other bytes than locked
    :raises CancelledError: the fetch was interrupted
    """
    if len(artifacts) == 1 and artifacts[0].size > LARGE_BYTES:
        (artifact,) = artifacts
        address = find_address(artifact, progress)
        try:
            if address:
                return [download(address, artifact, cache, progress)]
        except (GoneError, UnreachableError, BootstrapError):
            progress.ensure_wanted()  # what pip has and this download lacks: its credentials, proxy and other indices
    return download_by_pip(artifacts, cache, progress)


def find_address(artifact: Artifact, progress: Progress) -> str | None:
    """Ask pip where a wheel is; None when it does not say, or says it without the password that is needed."""
    command = [*PIP, "index", "versions", parse_name(artifact.file), *QUIET, "-vvv", *choose_target([artifact])]
    done = run_program(command, progress=progress, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for address in re.findall(r"^\s*Found link (\S+)", done.stdout, re.MULTILINE):
        parts = urlsplit(address)
        name = PurePosixPath(unquote(parts.path)).name
        if name == artifact.file and parts.scheme in ("http", "https") and "@" not in parts.netloc:
            return str(parts._replace(fragment="").geturl())
    return None


def parse_reason(errors: str) -> str:
    """Return why pip failed, as the middle of a sentence: the connection that broke, else the last that it said."""
    broken = re.findall(r"after connection broken by '(.*)': ", errors)
    if broken and "(from versions: none)" in errors:
        return f" no connection: {re.sub(r'<[^<>]* object at 0x[0-9a-f]+>: ', '', broken[-1])}. "
    lines = [line for line in errors.splitlines() if line.strip()]
    return ":\n" + "".join(f"  {line}\n" for line in lines[-5:]) + "  "


def download_by_pip(artifacts: Sequence[Artifact], cache: Cache, progress: Progress) -> list[Path]:
    """Let pip download wheels, from the start of each.

    :raises BootstrapError: pip failed
    :raises CancelledError: the fetch was interrupted
    """
    scratch = cache.scratch("pip")
    target = scratch / "wheels"
    temporary = scratch / "tmp"
    temporary.mkdir()
    requirements = scratch / "requirements.txt"
    requirements.write_text("".join(f"{parse_requirement(artifact)}\n" for artifact in artifacts))
    command = [
        *(*PIP, "download", *QUIET, "--quiet", "--no-cache-dir", "--no-deps", "--require-hashes"),
        *choose_target(artifacts),
        *("--dest", str(target), "--requirement", str(requirements)),
    ]
    environment = {**os.environ, **RESUME, "TMPDIR": str(temporary)}
    with progress.watching(scratch):
        done = run_program(command, progress=progress, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise BootstrapError(
            f"pip download of {', '.join(artifact.file for artifact in artifacts[:3])}"
            f"{' ...' if len(artifacts) > 3 else ''}: expected the locked wheels, got{parse_reason(done.stderr)}"
            "Run the same command again; pip's own settings (pip config list) say which index it asks"
        )
    kept = []
    for artifact in artifacts:
        progress.add_bytes(artifact.size)
        progress.add_file()
        kept.append(cache.keep(target / artifact.file, sha256=artifact.sha256, name=artifact.file))
    return kept
