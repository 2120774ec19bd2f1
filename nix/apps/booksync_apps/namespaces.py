"""Whether this machine lets its users make namespaces, which is what everything here runs in."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from booksync_apps.errors import AppError

LIMIT = "user.max_user_namespaces"

#: Switches of kernels and distributions, the value that forbids, and who is asked to turn them.
SWITCHES = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu from 23.10 on
    ("kernel.unprivileged_userns_clone", "0", "1"),  # Debian's kernels
    (LIMIT, "0", "10000"),
)


def check_namespaces(bubblewrap: Sequence[str], *, proc: Path = Path("/proc")) -> None:
    """Make a namespace and leave it.

    :raises AppError: it could not be made; says what to do about it
    """
    words = [*bubblewrap, "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", *bubblewrap]
    done = subprocess.run([*words, "--version"], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    raise AppError(f"user namespaces cannot be made here: {said}", way_out=find_way_out(said, proc=proc))


def find_way_out(said: str, *, proc: Path) -> str:
    """Return what the machine's administrator can do.

    :param said: by bubblewrap
    """
    for name, forbids, allows in SWITCHES:
        path = proc / "sys" / name.replace(".", "/")
        # ENOSPC: there are as many as there may be (unshare(2))
        is_limit = name == LIMIT and "ENOSPC" in said
        if is_limit or (path.exists() and path.read_text().strip() == forbids):
            return f"as root: sysctl -w {name}={allows}"
    return "in a container: run it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
