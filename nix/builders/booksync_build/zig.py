"""Zig's compiler out of the wheel that carries it."""

import zipfile
from pathlib import Path


def unpack_zig(wheel: Path, folder: Path) -> Path:
    """Unpack the wheel below ``folder`` and return the path of the compiler."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "ziglang")
    program = folder / "ziglang/ziglang/zig"
    program.chmod(0o755)
    return program
