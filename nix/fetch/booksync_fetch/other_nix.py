"""Run ``./bootstrap reproduce`` with the Nix of another Debian suite, as another user, in a checkout of another path.

A root folder is made of the suite's packages, as its apt index has them, without their maintainers' scripts: programs
need none. bubblewrap enters it, offline, in a user namespace. The Nix store is this machine's, under an overlay that
takes what is written; its database is a copy, since a newer Nix may change it. This machine's store is not touched.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from booksync_fetch.cache import Cache
from booksync_fetch.checkout import copy_checkout
from booksync_fetch.debian import download_package, mirror_bases
from booksync_fetch.debian_archive import unpack_package
from booksync_fetch.debian_index import load_indexes
from booksync_fetch.errors import BootstrapError
from booksync_fetch.fetch import run_jobs
from booksync_fetch.locks import Artifact
from booksync_fetch.nix import Nix
from booksync_fetch.progress import Progress, say
from booksync_fetch.project import Project

PACKAGES = ("nix-bin", "python3", "base-files", "busybox", "git")
#: What these packages need to be installed, or for what is not done with them here.
WITHOUT = (
    "adduser",
    "debconf",
    "debianutils",
    "dpkg",
    "gcc-14-base",
    "gcc-15-base",
    "liberror-perl",
    "media-types",
    "perl",
)

UID = 1234
HOME = "/home/reader"
CHECKOUT = f"{HOME}/Book Sync"
REPORT = "/report/run.json"

#: Packages' folders that are links on every Debian since bookworm; base-files has them where it is new enough.
MERGED = ("bin", "lib", "lib64", "sbin")


class OtherNix:
    """A suite's Nix, in a root folder of its own.

    :param bubblewrap: how to run it
    :param folder: scratch space on a disk that has room for what is built
    """

    def __init__(self, *, project: Project, cache: Cache, suite: str, bubblewrap: Sequence[str], folder: Path) -> None:
        self.project = project
        self.cache = cache
        self.suite = suite
        self.bubblewrap = bubblewrap
        self.folder = folder

    @property
    def root(self) -> Path:
        """The folder that becomes /."""
        return self.folder / "root"

    def make_root(self, architecture: str) -> None:
        """Fetch the suite's packages and unpack them.

        :raises BootstrapError: the suite is unknown, or something could not be fetched
        """
        suites = [{"archive": "debian", "suite": self.suite}]
        index = load_indexes(suites, self.cache, may_be_old=True)[architecture]
        packages = [(name, index.package(name)) for name in index.close(PACKAGES, WITHOUT)]
        artifacts = [
            Artifact(
                f"debian {architecture} {name}",
                name,
                {"archive": "debian", "path": fields["Filename"], "sha256": fields["SHA256"], "size": fields["Size"]},
            )
            for name, fields in packages
        ]
        absent = [artifact for artifact in artifacts if not self.cache.path(artifact.sha256, artifact.file).is_file()]
        if absent:
            progress = Progress(files=len(absent), total=sum(artifact.size for artifact in absent))
            bases = mirror_bases()
            with progress.shown():
                run_jobs(
                    [partial(download_package, artifact, self.cache, progress, bases=bases) for artifact in absent],
                    progress,
                )
        for link in MERGED:
            (self.root / "usr" / link).mkdir(parents=True)
            (self.root / link).symlink_to(f"usr/{link}")
        for artifact in artifacts:
            unpack_package(self.cache.verify(artifact.sha256, artifact.file), self.root)
        for path, text in {
            "etc/passwd": f"reader:x:{UID}:{UID}::{HOME}:/bin/sh\n",
            "etc/group": f"reader:x:{UID}:\n",
            "etc/nix/nix.conf": "",
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def copy_database(self) -> Path:
        """Copy what Nix knows of the store, as of one moment, and return the folder that becomes /nix/var."""
        folder = self.folder / "var"
        database = folder / "nix/db/db.sqlite"
        database.parent.mkdir(parents=True)
        kept = "file:/nix/var/nix/db/db.sqlite?mode=ro"
        with closing(sqlite3.connect(kept, uri=True)) as source, closing(sqlite3.connect(database)) as target:
            source.backup(target)
        shutil.copyfile("/nix/var/nix/db/schema", database.with_name("schema"))
        return folder

    def run(self, images: Sequence[str], nix: Nix) -> Path:
        """Rebuild images there and return the report.

        :raises BootstrapError: it failed
        """
        for name in ("upper", "work", "tmp", "report"):
            (self.folder / name).mkdir()
        copy_checkout(self.project.root, self.folder / "checkout", environment=nix.environment)
        arguments = [
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
            *("--uid", str(UID), "--gid", str(UID), "--hostname", "elsewhere", "--die-with-parent", "--clearenv"),
            *("--setenv", "PATH", "/usr/bin", "--setenv", "HOME", HOME, "--setenv", "LANG", "C.UTF-8"),
            *("--bind", str(self.root), "/"),
            *("--overlay-src", "/nix/store", "--overlay", str(self.folder / "upper"), str(self.folder / "work")),
            "/nix/store",
            *("--bind", str(self.copy_database()), "/nix/var"),
            *("--bind", str(self.folder / "tmp"), "/tmp"),  # noqa: S108 - there
            *("--bind", str(self.folder / "checkout"), CHECKOUT),
            *("--bind", str(self.folder / "report"), "/report"),
            *("--proc", "/proc", "--dev", "/dev", "--chdir", CHECKOUT),
        ]
        words = ["/usr/bin/python3", "nix/fetch", "reproduce", "--report", REPORT, *images]
        say(f"reproduce: with the Nix of {self.suite}, as user {UID}, in {CHECKOUT!r}")
        done = subprocess.run(
            [*self.bubblewrap, *arguments, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
        )
        report = self.folder / "report/run.json"
        if not report.exists():
            raise BootstrapError(f"the Nix of {self.suite}: expected a report, got status {done.returncode}; see above")
        return report
