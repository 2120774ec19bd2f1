"""CPython's tree for an image, under /usr/local, out of the Go module that carries it.

The module has each file gzipped beside a ``files.json`` that names modes and links. Stripped of
symbols, of the test suite and of what needs a display or a compiler, 213 MB become about 44.
"""

import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from booksync_build.attributes import load_attributes, output_path
from booksync_build.bytecode import compile_tree
from booksync_build.debian import matches
from booksync_build.elf import strip_binaries


def unpack_cpython(archive: zipfile.ZipFile, platform: str, root: Path, drop: list[str]) -> None:
    """Unpack one platform's files (``linux-amd64``, ``linux-arm64``) under ``root``."""
    suffix = f"python/internal/data/{platform}/files.json"
    listing = next(name for name in archive.namelist() if name.endswith(suffix))
    base = listing.removesuffix("files.json")
    for entry in json.loads(archive.read(listing))["files"]:
        path = PurePosixPath(entry["name"])
        if matches(path, drop):
            continue
        target = root / path
        if link := entry.get("symlink"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(link)
            continue
        packed = f"{base}{path}.gz"
        if packed in archive.NameToInfo:
            content = gzip.decompress(archive.read(packed))
        elif f"{base}{path}" in archive.NameToInfo:
            content = archive.read(f"{base}{path}")
        else:
            continue  # a folder: it is made with its first file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755 if entry.get("perm", 0) & 0o111 else 0o644)


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    prefix = out / "usr/local"
    prefix.mkdir(parents=True)
    with zipfile.ZipFile(attributes["archive"]) as archive:
        unpack_cpython(archive, attributes["platform"], prefix, attributes["drop"])
    for cache in list(prefix.rglob("__pycache__")):
        shutil.rmtree(cache)
    strip_binaries(prefix, strip=attributes["strip"], symbols="--strip-all")
    for name in ("python", "python3"):
        link = prefix / "bin" / name
        if not link.is_symlink():
            link.symlink_to("python3.12")
    compile_tree(out, jobs=len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
