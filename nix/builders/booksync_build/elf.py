"""Remove what ELF files carry for debuggers and linkers."""

import subprocess
from pathlib import Path

ELF_MAGIC = b"\x7fELF"


def is_elf(path: Path) -> bool:
    """Tell whether a path is an ELF file, and no link to one."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(ELF_MAGIC)) == ELF_MAGIC


def strip_binaries(root: Path, *, strip: list[str], symbols: str) -> None:
    """Strip every ELF file below ``root``.

    Libraries that auditwheel has bundled (``NAME.libs``) stay as they are: patchelf has moved
    their segments, and strip would leave them unloadable.

    :param strip: argv of the target's strip
    :param symbols: ``--strip-all``, or ``--strip-unneeded`` for modules that are dlopened
    """
    for path in sorted(root.rglob("*")):
        if is_elf(path) and not any(part.endswith(".libs") for part in path.parts):
            mode = path.stat().st_mode
            path.chmod(0o755)
            subprocess.run([*strip, symbols, str(path)], check=True)
            path.chmod(mode)
