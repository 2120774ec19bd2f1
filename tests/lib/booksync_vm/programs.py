"""Debian's QEMU and its companions, run through their own loader so that nothing of the host is needed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}

#: Where QEMU looks for what a machine's firmware is.
FIRMWARE = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")


@dataclass(frozen=True)
class Programs:
    """A tree of Debian packages of the builder's architecture."""

    tree: Path

    @property
    def libraries(self) -> Path:
        """Where libc and most other libraries are."""
        return self.tree / "usr/lib" / f"{os.uname().machine}-linux-gnu"

    def command(self, program: str) -> list[str]:
        """Return the words that start a program.

        :param program: relative to /usr
        """
        folders = [self.libraries, self.libraries / "pulseaudio"]
        loader = str(self.libraries / LOADERS[os.uname().machine])
        return [loader, "--library-path", ":".join(map(str, folders)), str(self.tree / "usr" / program)]

    def qemu(self, program: str) -> list[str]:
        """Return the words that start QEMU."""
        firmware = (word for folder in FIRMWARE for word in ("-L", str(self.tree / folder)))
        return [*self.command(f"bin/{program}"), *firmware]

    @property
    def environment(self) -> Mapping[str, str]:
        """What QEMU wants to know."""
        return {"QEMU_MODULE_DIR": str(self.libraries / "qemu")}
