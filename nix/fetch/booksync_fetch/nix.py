"""Calls of Nix, 2.8 or later, with what they need given on the command line: no configuration is changed."""

from __future__ import annotations

import grp
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from booksync_fetch.cache import choose_nix_cache
from booksync_fetch.errors import BootstrapError, ContentError
from booksync_fetch.plan import Derivation, parse_derivations
from booksync_fetch.programs import run_program

#: Kernel's name of a machine -> Nix's system.
SYSTEMS = {"x86_64": "x86_64-linux", "amd64": "x86_64-linux", "aarch64": "aarch64-linux", "arm64": "aarch64-linux"}
#: Nix's system -> architecture, as OCI and Debian say it.
ARCHITECTURE_OF = {"x86_64-linux": "amd64", "aarch64-linux": "arm64"}

#: Links to the links that are roots (``--indirect``).
ROOTS = Path("/nix/var/nix/gcroots/auto")

#: A store path without its folder: the hash, and the name.
STORE_NAME = re.compile(r"[0-9a-z]{32}-(.+)")

#: Of the daemon's socket.
DAEMON = Path("/nix/var/nix/daemon-socket")

OLDEST = (2, 8)
#: From here on the folders of builds are below Nix's state, on the store's disk.
BUILDS_IN_STATE = (2, 30)

#: Builds at once where Nix's own default, one, was not changed; each takes up to 0.6 GB.
MAX_JOBS = 4

FEATURES = ("--extra-experimental-features", "nix-command flakes")


def builder_system() -> str:
    """Return Nix's name of this machine.

    :raises BootstrapError: neither x86_64 nor aarch64 Linux
    """
    machine = os.uname()
    system = SYSTEMS.get(machine.machine.lower())
    if machine.sysname != "Linux" or system is None:
        raise BootstrapError(
            f"expected Linux on x86_64 or aarch64, got {machine.sysname} on {machine.machine}; "
            "the images of both architectures are built on either"
        )
    return system


def load_configuration() -> dict[str, Any]:
    """Return Nix's configuration: name -> {value, defaultValue, ...}."""
    command = ["nix", *FEATURES, "show-config", "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        raise BootstrapError(f"nix show-config: expected Nix's configuration, got:\n{shown.stderr.strip()}")
    configuration: dict[str, Any] = json.loads(shown.stdout)
    return configuration


def find_version() -> tuple[int, int]:
    """Return Nix's version.

    :raises BootstrapError: it is older than what the flake is written for
    """
    shown = subprocess.run(["nix", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    # the last one where a distribution has its own: nix (Determinate Nix 3.8.5) 2.30.2
    major, minor = (re.findall(r"\b(\d+)\.(\d+)", shown) or [("0", "0")])[-1]
    version = (int(major), int(minor))
    if version < OLDEST:
        raise BootstrapError(f"nix --version: expected 2.8 or later, got {shown or 'nothing'}; install a newer Nix")
    return version


def find_scratch(configuration: dict[str, Any], version: tuple[int, int]) -> Path | None:
    """Return the folder below which builds have theirs; None where that is on the store's disk."""
    if chosen := configuration.get("build-dir", {}).get("value"):
        return Path(chosen)
    if version >= BUILDS_IN_STATE:
        return None
    # the daemon has an environment of its own
    return Path(tempfile.gettempdir() if os.geteuid() == 0 else "/tmp")  # noqa: S108 - nothing is written there


def ensure_daemon(folder: Path) -> None:
    """Make sure that Nix's daemon, through which all but root build, lets this user in.

    :param folder: of its socket
    :raises BootstrapError: it is for a group, and this login does not belong to it
    """
    if os.geteuid() == 0 or not folder.exists() or os.access(folder, os.X_OK):
        return
    raise BootstrapError(
        f"{folder}: expected access to Nix's daemon, got none as user {os.getuid()}; where a group has it "
        "(Debian: nix-users), let root run: usermod -aG nix-users USER; and log in again"
    )


def choose_options(configuration: dict[str, Any]) -> list[str]:
    """Return the options that a build here needs beside those that are configured."""
    options = []
    group = configuration["build-users-group"]["value"]
    if os.geteuid() == 0 and group and not has_members(group):
        options += ["--option", "build-users-group", ""]
    if configuration["substituters"]["value"] == configuration["substituters"]["defaultValue"]:
        # the public binary cache has nothing of this project; one of the operator's own may have
        options += ["--option", "substituters", ""]
    if configuration["max-jobs"]["value"] == configuration["max-jobs"]["defaultValue"] == 1:
        # most steps, and tests that wait, leave cores idle; memory is what limits the number
        options += ["--option", "max-jobs", str(min(os.cpu_count() or 1, MAX_JOBS))]
    return options


def has_members(group: str) -> bool:
    """Tell whether a group of users exists and has members."""
    try:
        return bool(grp.getgrnam(group).gr_mem)
    except KeyError:
        return False


def find_registered(folder: Path) -> set[str]:
    """Return the links that the store takes for indirect roots; none where it does not let them be seen."""
    try:
        return {str(link.readlink()) for link in folder.iterdir() if link.is_symlink()}
    except OSError:
        return set()


def remove_roots(folder: Path, *, names: Collection[str], current: Iterable[str]) -> None:
    """Let the garbage collector have artifacts that the locks no longer name; other roots in the folder stay.

    :param folder: as :meth:`Nix.add_roots` fills it
    :param names: in the store, of all artifacts in the locks
    :param current: those store paths of theirs that are known: others of these names are older
    """
    exact = {PurePosixPath(path).name for path in current}
    renewed = {name.partition("-")[2] for name in exact}
    for root in [*folder.iterdir()] if folder.exists() else []:
        match = STORE_NAME.fullmatch(root.name)
        if match is None or not root.is_symlink() or root.name in exact:
            continue
        if match[1] not in names or match[1] in renewed:
            root.unlink()


class Nix:
    """Nix as this machine has it, for one flake.

    :param flake: the folder of flake.nix
    :raises BootstrapError: it is too old, or does not let this user build
    """

    def __init__(self, flake: Path) -> None:
        self.flake = flake
        version = find_version()
        ensure_daemon(DAEMON)
        configuration = load_configuration()
        self.scratch = find_scratch(configuration, version)
        self.options = [*FEATURES, "--option", "warn-dirty", "false", *choose_options(configuration)]
        self.environment = os.environ | choose_nix_cache() | self._safe_directory()

    def _safe_directory(self) -> dict[str, str]:
        """Let git read a checkout of another owner (``safe.directory``), for this call alone."""
        count = int(os.environ.get("GIT_CONFIG_COUNT", "0") or "0")
        return {
            "GIT_CONFIG_COUNT": str(count + 1),
            f"GIT_CONFIG_KEY_{count}": "safe.directory",
            f"GIT_CONFIG_VALUE_{count}": str(self.flake),
        }

    def run(self, program: str, arguments: Sequence[str], *, quiet: bool = False) -> str:
        """Run one of Nix's programs and return its standard output; its standard error is the person's to see.

        :param quiet: keep standard error for the exception
        :raises BootstrapError: it failed
        """
        command = [program, *(self.options if program == "nix" else self.options[len(FEATURES) :]), *arguments]
        done = run_program(
            command,
            cwd=self.flake,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
        )
        if done.returncode:
            reason = (
                f":\n{done.stderr.strip()}"
                if quiet
                else f" with status {done.returncode}; the reason stands above: mend it, and run the same command again"
            )
            raise BootstrapError(f"{program} {' '.join(arguments[:3])} failed{reason}")
        return done.stdout

    def installables(self, names: Iterable[str]) -> list[str]:
        """Return flake references of attributes of this flake."""
        return [f".#{name}" for name in names]

    def build(self, attributes: Sequence[str], *, link: Path) -> list[Path]:
        """Build attributes of the flake and return their store paths, in Nix's own order.

        :param link: where one is linked, as a root; others get ``-1``, ``-2`` and so on after it
        """
        link.parent.mkdir(exist_ok=True)
        self.run("nix", ["build", "--out-link", str(link), *self.installables(attributes)])
        names = [link.name, *(f"{link.name}-{position}" for position in range(1, len(attributes)))]
        return [link.with_name(name).resolve() for name in names]

    def find_derivations(self, attributes: Sequence[str]) -> list[str]:
        """Return the store paths of attributes' derivations."""
        arguments = ["path-info", "--json", "--derivation", *self.installables(attributes)]
        shown = json.loads(self.run("nix", arguments, quiet=True))
        return [item["path"] for item in shown] if isinstance(shown, list) else list(shown)

    def find_outputs(self, derivations: Sequence[str]) -> list[str]:
        """Return the store paths that derivations make."""
        return self.run("nix-store", ["--query", "--outputs", *derivations], quiet=True).split()

    def find_requisites(self, derivations: Sequence[str]) -> list[str]:
        """Return the store paths that derivations are made of, theirs among them."""
        return self.run("nix-store", ["--query", "--requisites", *derivations], quiet=True).split()

    def rebuild(self, derivation: str) -> str:
        """Build a derivation again beside its output, which stays: OUTPUT.check is left where it differs.

        :return: what Nix says where it differs or cannot be built; nothing where it is equal
        """
        command = ["nix-store", *self.options[len(FEATURES) :], "--realise", "--check", "--keep-failed", derivation]
        done = subprocess.run(
            command, cwd=self.flake, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        said = done.stderr.decode(errors="replace").strip()
        return (said or f"status {done.returncode}") if done.returncode else ""

    def realise(self, derivations: Sequence[str]) -> None:
        """Build derivations as far as they can be built, going on after failures."""
        command = ["nix-store", *self.options[len(FEATURES) :], "--realise", "--keep-going", "--no-build-output"]
        run_program([*command, *derivations], cwd=self.flake, env=self.environment, stdout=subprocess.DEVNULL)

    def list_names(self, attribute: str) -> list[str]:
        """Return the names in an attribute set of the flake."""
        shown = self.run("nix", ["eval", "--json", f".#{attribute}", "--apply", "builtins.attrNames"])
        names: list[str] = json.loads(shown)
        return names

    def load_derivations(self, names: Sequence[str]) -> dict[str, Derivation]:
        """Return all derivations that attributes of the flake are made of, by the names of their files."""
        command = ["show-derivation"] if self.version < (2, 15) else ["derivation", "show"]
        return parse_derivations(json.loads(self.run("nix", [*command, "-r", *self.installables(names)])))

    @property
    def version(self) -> tuple[int, ...]:
        """Nix's version, as far as it is numbers: (2, 8, 0)."""
        shown = subprocess.run(["nix", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        return tuple(int(part) for part in shown.split("pre")[0].split("+")[0].split(".") if part.isdigit())

    def find_missing(self, paths: Sequence[str]) -> set[str]:
        """Return which store paths are not valid."""
        if not paths:
            return set()
        return set(self.run("nix-store", ["--check-validity", "--print-invalid", *paths], quiet=True).split())

    def add_fixed(self, path: Path, *, expected: str) -> None:
        """Put a file or folder into the store as a fixed output.

        :param path: has the name that it gets in the store
        :param expected: the store path that must result
        :raises ContentError: another one results
        :raises BootstrapError: nothing does
        """
        recursive = ["--recursive"] if path.is_dir() else []
        got = self.run("nix-store", ["--add-fixed", *recursive, "sha256", str(path)], quiet=True).strip()
        if got != expected:
            raise ContentError(
                f"{path.name}: expected {PurePosixPath(expected).name} in the store, got {PurePosixPath(got).name}: "
                "its content is not what the lock says; run: ./bootstrap update"
            )

    def copy(self, direction: str, url: str, paths: Sequence[str]) -> None:
        """Copy store paths to or from another store.

        :param direction: ``--to`` or ``--from``
        :raises BootstrapError: not all could be copied
        """
        self.run("nix", ["copy", direction, url, *paths])

    def add_roots(self, folder: Path, paths: Iterable[str]) -> None:
        """Keep store paths from the garbage collector: indirect roots below ``folder``, one a path."""
        folder.mkdir(exist_ok=True)
        registered = find_registered(ROOTS)
        for path in paths:
            root = folder / PurePosixPath(path).name
            # a root is both: the store that knew a link may have been emptied, the link that it knows be gone
            if str(root) not in registered or not root.is_symlink():
                self.run("nix-store", ["--realise", path, "--add-root", str(root), "--indirect"], quiet=True)

    def hash_path(self, path: Path) -> str:
        """Return the NAR hash of a path in SRI form."""
        return self.run("nix", ["hash", "path", str(path)], quiet=True).strip()
