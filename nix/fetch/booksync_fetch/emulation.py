"""Let Nix's builds for the other architecture run here, under QEMU's user emulation.

The kernel starts foreign programs with an interpreter that is registered in binfmt_misc. Where the machine has one
registered (Debian: qemu-user-binfmt), nothing is needed. Root can do without: since Linux 6.7 a user namespace has a
binfmt_misc of its own, so that nothing of the machine changes. Its ids are the machine's, as Nix's sandbox sets groups.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from booksync_fetch.errors import BootstrapError

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000

REGISTERED = Path("/proc/sys/fs/binfmt_misc")

#: Nix's system -> QEMU's name, e_machine as binfmt_misc reads it, and its mask for the bytes before.
MACHINES = {
    "x86_64-linux": ("x86_64", rb"\x3e\x00", rb"\xff\xff\xff\xff\xff\xfe\xfe\xfc"),
    "aarch64-linux": ("aarch64", rb"\xb7\x00", rb"\xff\xff\xff\xff\xff\xff\xff\x00"),
}


def is_registered(system: str) -> bool:
    """Tell whether the machine has an emulator for a system, opened once for all (flag F), as a sandbox needs it."""
    entry = REGISTERED / f"qemu-{MACHINES[system][0]}"
    try:
        lines = entry.read_text().splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags:")), "")
    return lines[:1] == ["enabled"] and "F" in flags


def format_registration(system: str, interpreter: Path) -> bytes:
    """Return binfmt_misc's line for ELF programs of a system (Documentation/admin-guide/binfmt-misc.rst)."""
    _, machine, mask = MACHINES[system]
    magic = rb"\x7fELF\x02\x01\x01" + rb"\x00" * 9 + rb"\x02\x00" + machine
    return b":booksync:M::%b:%b:%b:F" % (magic, mask + rb"\xff" * 8 + rb"\xfe\xff\xff\xff", os.fsencode(interpreter))


def enter_emulation(system: str, interpreter: Path, mount_point: Path) -> None:
    """Go on in a child process, in namespaces in which programs of a system run; this process ends with its status.

    :param interpreter: a static QEMU
    :param mount_point: an empty folder
    :raises BootstrapError: this machine does not allow it
    """
    if os.geteuid() != 0:
        raise BootstrapError(
            f"expected an emulator for {system} in binfmt_misc, or to be root and do without, got neither; "
            "install qemu-user-binfmt, or run this as root"
        )
    libc = ctypes.CDLL(None, use_errno=True)
    entered, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(entered[1])
        try:
            if os.read(entered[0], 1):
                # all ids, as they are
                for name in ("uid_map", "gid_map"):
                    Path(f"/proc/{child}/{name}").write_text(Path(f"/proc/self/{name}").read_text())
                os.write(mapped[1], b"x")
        except OSError as error:
            raise BootstrapError(
                "expected ids for a user namespace (Linux 6.7 or later, as root of the machine), "
                f"got: {error.strerror}; install qemu-user-binfmt"
            ) from error
        finally:
            os.close(mapped[1])
        _, status = os.waitpid(child, 0)
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
    # of this end there must be no other than the parent's, or its end would not be noticed
    os.close(mapped[1])
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "namespaces")
    os.write(entered[1], b"x")
    if not os.read(mapped[0], 1):
        os._exit(1)  # the parent has said why
    check(libc.mount(b"binfmt_misc", os.fsencode(mount_point), b"binfmt_misc", 0, None), "binfmt_misc of its own")
    (mount_point / "register").write_bytes(format_registration(system, interpreter))


def check(status: int, what: str) -> None:
    """Raise what a system call has failed with."""
    if status:
        reason = os.strerror(ctypes.get_errno())
        raise BootstrapError(f"expected {what} for a user namespace (Linux 6.7 or later, as root), got: {reason}")
