"""./bootstrap installs what is missing by apt, or says in one line why it cannot, before anything else is done."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from booksync_testing.programs import SHEBANG, UTILITY, write_program

SHELL = json.loads(os.environ.get("BOOKSYNC_SHELL", '["/bin/sh"]'))
BOOTSTRAP = Path(__file__).parents[2] / "bootstrap"
FETCH = BOOTSTRAP.parent / "nix/fetch/__main__.py"

#: Programs of a machine that has all; what each does beside being noted down.
ALL = {
    "dirname": 'shift; echo "${1%/*}"',
    "uname": "echo Linux x86_64",
    "id": "echo 0",
    "sudo": "",
    "env": 'export "$1"; shift; exec "$@"',
    "dpkg": "",
    "apt-get": "",
    "python3": "",
    "nix": "",
    "git": "",
    "mkdir": f'exec {UTILITY} mkdir "$@"',
}
#: Of them, those that say or do what the machine's own would, and are not noted down.
PLAIN = ("dirname", "uname", "id", "mkdir")


@dataclass
class Machine:
    """Programs, and what was called."""

    folder: Path
    programs: dict[str, str] = field(default_factory=lambda: dict(ALL))
    path: str = ""

    def __post_init__(self) -> None:
        self.path = str(self.folder / "bin")

    def bootstrap(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        programs, calls = self.folder / "bin", self.folder / "calls"
        programs.mkdir()
        calls.touch()
        for name, does in self.programs.items():
            note = "" if name in PLAIN else f'echo "{name} $*" >> "{calls}"\n'
            write_program(programs / name, f"{SHEBANG}{note}{does}\n")
        return subprocess.run(
            [*SHELL, str(BOOTSTRAP), *arguments],
            env={"PATH": self.path, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, name: str, *, instead: str) -> None:
        """Let apt-get make a program do what it should, which does something else until then."""
        there = self.folder / "installed"
        self.programs[name] = f'if ! test -e "{there}"; then {instead}\nfi'
        self.programs["apt-get"] = f'case "$*" in *install*) : > "{there}" ;; esac'

    @property
    def configuration(self) -> Path:
        """Nix's, of the user."""
        return self.folder / ".config/nix/nix.conf"

    @property
    def calls(self) -> list[str]:
        """What was called to change something or to go on."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line for line in lines if not line.startswith(("python3 -c", "python3 -m pip --version"))]

    def lack(self, *names: str) -> None:
        for name in names:
            del self.programs[name]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


INSTALL = "apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends -y"

NO_PIP = 'case "$*" in "-m pip --version") exit 1 ;; esac'
OLD_PYTHON = 'case "$1" in -c) exit 1 ;; esac'


def test_a_machine_that_has_all_goes_on_at_once(machine: Machine) -> None:
    machine.lack("sudo", "dpkg", "apt-get")
    done = machine.bootstrap("build", "auth")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.calls == [f"python3 -B {FETCH} build auth"]


@pytest.mark.parametrize(
    ("lacks", "replaced", "packages"),
    [
        (["nix"], {}, "nix-bin"),
        (["git"], {}, "git"),
        ([], {"python3": NO_PIP}, "python3 python3-pip"),
        ([], {"python3": OLD_PYTHON}, "python3 python3-pip"),
        (["nix", "git"], {"python3": NO_PIP}, "python3 python3-pip nix-bin git"),
    ],
)
def test_what_is_missing_is_installed_by_root(
    machine: Machine, lacks: list[str], replaced: Mapping[str, str], packages: str
) -> None:
    machine.lack("sudo", *lacks)
    machine.programs.update(replaced)
    for name, does in replaced.items():
        machine.install(name, instead=does)
    done = machine.bootstrap("check")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == f"bootstrap: installing {packages}"
    assert machine.calls == [
        "dpkg --configure -a",
        "apt-get -qq update",
        f"env DEBIAN_FRONTEND=noninteractive {INSTALL} {packages}",
        f"{INSTALL} {packages}",
        f"python3 -B {FETCH} check",
    ]


def test_a_user_installs_by_sudo_and_gets_the_daemon(machine: Machine) -> None:
    machine.lack("nix")
    machine.programs["id"] = "echo 1000"
    done = machine.bootstrap("build")
    assert done.returncode == 0
    assert machine.calls == [
        "sudo dpkg --configure -a",
        "sudo apt-get -qq update",
        # what stands before sudo it does not hand on
        f"sudo env DEBIAN_FRONTEND=noninteractive {INSTALL} nix-bin nix-setup-systemd",
        # Debian's daemon lets in a group alone, and who is logged in already does not belong to it
        "sudo usermod -aG nix-users 1000",
        f"sudo -E -u 1000 env PATH={machine.path} {machine.path}/python3 -B {FETCH} build",
    ]
    assert done.stderr.splitlines()[-1].endswith("log in again before you call nix yourself")


@pytest.mark.parametrize("unusable", [NO_PIP, OLD_PYTHON])
def test_another_python_in_the_path_will_do(machine: Machine, unusable: str) -> None:
    first = machine.folder / "venv/bin"
    first.mkdir(parents=True)
    write_program(first / "python3", f"{SHEBANG}{unusable}\n")
    machine.path = f"{first}:{machine.path}"
    assert machine.bootstrap("build").returncode == 0
    assert machine.calls == [f"python3 -B {FETCH} build"]


def test_a_python_that_apt_does_not_mend_is_no_python(machine: Machine) -> None:
    machine.programs["python3"] = NO_PIP
    expect_refusal(machine, "expected Python 3.9 or later with pip after the installation, got none in PATH")


def expect_refusal(machine: Machine, line: str) -> None:
    done = machine.bootstrap("build")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"bootstrap: {line}")
    assert not any(call.startswith("python3 -B") for call in machine.calls)


def test_a_machine_without_apt_is_told_what_to_install(machine: Machine) -> None:
    machine.lack("nix", "git", "apt-get", "dpkg")
    expect_refusal(machine, "expected Python 3.9 or later with pip, Nix 2.8 or later, and git; without apt-get, ")
    assert machine.calls == []


def test_a_machine_that_cannot_build_gets_nothing_installed(machine: Machine) -> None:
    machine.lack("nix")
    machine.programs["uname"] = "echo Linux riscv64"
    expect_refusal(machine, "expected Linux on x86_64 or aarch64, got Linux riscv64")
    assert machine.calls == []


def test_a_user_without_sudo_is_told_what_root_has_to_do(machine: Machine) -> None:
    machine.lack("nix", "sudo")
    machine.programs["id"] = "echo 1000"
    expect_refusal(
        machine, "expected root or sudo to install packages, got neither; let root run: apt-get install nix-bin"
    )
    assert machine.calls == []


@pytest.mark.parametrize("fails", ["update", "install"])
def test_an_installation_that_fails_ends_the_run(machine: Machine, fails: str) -> None:
    machine.lack("nix")
    machine.programs["apt-get"] = f'case "$*" in *{fails}*) echo "E: no network" >&2; exit 100 ;; esac'
    expect_refusal(machine, "apt-get: expected to install nix-bin, got the error above; run the same command again")


FLAKES = "experimental-features = nix-command flakes\n"


@pytest.mark.parametrize(("user", "configuration"), [("0", FLAKES + "build-users-group =\n"), ("1000", FLAKES)])
def test_nix_that_it_installs_works_without_it(machine: Machine, user: str, configuration: str) -> None:
    machine.lack("nix")
    machine.programs["id"] = f"echo {user}"
    done = machine.bootstrap("build")
    assert done.stderr.splitlines()[1] == f"bootstrap: flakes are enabled in {machine.configuration}"
    assert machine.configuration.read_text() == configuration


def test_a_configuration_of_nix_stays_as_it_is(machine: Machine) -> None:
    machine.lack("nix")
    machine.configuration.parent.mkdir(parents=True)
    machine.configuration.write_text("cores = 1\n")
    assert machine.bootstrap("build").returncode == 0
    assert machine.configuration.read_text() == "cores = 1\n"


def test_nix_that_was_there_is_not_configured(machine: Machine) -> None:
    machine.lack("git")
    assert machine.bootstrap("build").returncode == 0
    assert not machine.configuration.exists()


def test_a_home_that_takes_no_files_ends_nothing(machine: Machine) -> None:
    machine.lack("nix")
    machine.configuration.parent.parent.write_text("not a folder")
    done = machine.bootstrap("build")
    assert done.returncode == 0
    line = f"bootstrap: {machine.configuration} could not be written; for Nix without ./bootstrap, see README.md"
    assert done.stderr.splitlines()[-1] == line
    assert machine.calls[-1].startswith("python3 -B")
