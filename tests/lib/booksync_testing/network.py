"""A network of this process's own: loopback alone, on which every port is free, also those of the privileged."""

import fcntl
import os
import socket
import struct
from pathlib import Path

# of netdevice(7)
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def enter_own_network() -> None:
    """Move this process, which must have one thread, to new user and network namespaces (namespaces(7))."""
    ids = {"uid_map": os.getuid(), "gid_map": os.getgid()}
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    for name, own in ids.items():
        Path("/proc/self", name).write_text(f"0 {own} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
