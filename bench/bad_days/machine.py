"""A machine for one bad day: an overlay over an empty Debian, in namespaces of its own; gone when the day is over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN_LIMIT = 1800.0  # s
CACHE = "/cache"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"

#: Mounts an overlay of the folders $2 with $1/upper above them at $1/root, makes it / and runs the rest. Below $1 stand
#: also /cache: that of $3, of which nothing changes, and /src.
ENTER = """\
set -e
work=$1 lower=$2 cache=$3; shift 3
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$work/root"
mkdir -p "$work/root/src" "$work/root/cache" "$work/root/mnt/old"
mount --bind "$work/src" "$work/root/src"
mount -t overlay overlay -o "lowerdir=$cache,upperdir=$work/cache,workdir=$work/cache-work" "$work/root/cache"
cd "$work/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
pivot_root . mnt/old
umount -l /mnt/old
cd /src
"$@" && exit 0 || exit $?
"""


@dataclass(frozen=True)
class Done:
    """How a command ended.

    :param output: standard output and error together, as a person sees them
    """

    code: int
    output: str

    @property
    def last(self) -> str:
        """The last line."""
        return (self.output.strip().splitlines() or [""])[-1]


class Running:
    """A command that runs on a machine; what it starts is one process group, as below a terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def wait_for(self, text: str) -> None:
        """Wait until the command has written something, or has ended."""
        while self.process.poll() is None and text not in self.read():
            time.sleep(0.01)

    def read(self) -> str:
        """Return what the command has written."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")

    def interrupt(self) -> None:
        """Do what ^C does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def end(self, timeout: float) -> Done:
        """Wait for the end.

        :param timeout: seconds, after which it is killed
        """
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
        with self.log:
            return Done(code, self.read())


@dataclass(frozen=True)
class Machine:
    """A machine.

    :param work: the folder of what is its own
    :param lower: folders that it is laid over, the uppermost first
    :param cache: a filled cache, which it has a copy of
    """

    work: Path
    lower: Sequence[Path]
    cache: Path

    def start(self, script: str, *, environment: Mapping[str, str] | None = None, network: bool = True) -> Running:
        """Start a shell script in the checkout, as root.

        :param network: whether it has more than a loopback that is down
        """
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "BOOKSYNC_CACHE": CACHE,
            "LANG": "C.UTF-8",
            **({"PIP_CERT": AUTHORITIES, "SSL_CERT_FILE": AUTHORITIES} if network else {}),
            **(environment or {}),
        }
        words = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", *([] if network else ["--net"])]
        lower = ":".join(str(folder) for folder in self.lower)
        enter = ["sh", "-c", ENTER, "enter", str(self.work), lower, str(self.cache)]
        return Running(["unshare", *namespaces, *enter, *words, "sh", "-c", script])

    def run(self, script: str, *, environment: Mapping[str, str] | None = None, network: bool = True) -> Done:
        """Run a shell script to its end; the parameters are those of :meth:`start`."""
        return self.start(script, environment=environment, network=network).end(RUN_LIMIT)


@contextmanager
def make_machine(lower: Sequence[Path], cache: Path, *, filled: bool = True) -> Iterator[Machine]:
    """Have a machine for the time of the block.

    :param filled: whether its cache has what ``cache`` has
    """
    work = Path(tempfile.mkdtemp(prefix="day-", dir=os.environ.get("TMPDIR", "/var/tmp")))  # noqa: S108 - a disk, not /tmp
    try:
        for name in ("root", "upper", "work", "cache", "cache-work", "empty"):
            (work / name).mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(work / "src")], check=True)
        yield Machine(work, lower, cache if filled else work / "empty")
    finally:
        shutil.rmtree(work)
