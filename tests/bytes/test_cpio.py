"""An initramfs has its files as they were given, by a reader that is not ours."""

import os
import subprocess
from pathlib import Path

from booksync_build.cpio import folder, pack, program


def test_archive_is_read_by_busybox(tmp_path: Path) -> None:
    files = {f"bin/{size}": b"x" * size for size in range(6)}
    archive = pack({"bin": folder()} | {name: program(content) for name, content in files.items()})
    busybox = os.environ["BOOKSYNC_BUSYBOX"]
    subprocess.run([busybox, "cpio", "-i"], input=archive, cwd=tmp_path, check=True, capture_output=True)
    assert {f"bin/{path.name}": path.read_bytes() for path in (tmp_path / "bin").iterdir()} == files
    assert all(os.access(tmp_path / name, os.X_OK) for name in files)
    assert len(archive) % 4 == 0
