"""Every image works as its own unprivileged user, read-only and without capabilities, with what programs expect.

Commands are started as `docker exec` does: without the entry point.
"""

import hashlib
import mmap
import re
from pathlib import Path

import pytest

from booksync_testing.contract import USERS, Expected
from booksync_testing.sandbox import Sandbox

STORE_PATH = re.compile(rb"/nix/store/[0-9a-z]{32}-")


def holds_store_path(file: Path) -> bool:
    """Search a file for the address of something in a Nix store, without reading it into memory."""
    if file.is_symlink() or not file.is_file() or not file.stat().st_size:
        return False
    with file.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        return STORE_PATH.search(memory) is not None


def shell(sandbox: Sandbox, script: str, **environment: str) -> str:
    """Run a bash script in the image and return what it printed; its failure is the test's."""
    with sandbox.start("/bin/bash", "-c", script, entrypoint=False, environment=environment) as process:
        if process.wait(30) != 0:
            raise process.error(script)
        return process.log().strip()


def test_programs_are_of_the_architecture(sandbox: Sandbox, architecture: str) -> None:
    kernel = {"amd64": "x86_64", "arm64": "aarch64"}
    assert shell(sandbox, "uname -m") == kernel[architecture]


def test_no_file_holds_a_store_path(sandbox: Sandbox) -> None:
    assert not [str(file.relative_to(sandbox.root)) for file in sandbox.root.rglob("*") if holds_store_path(file)]


def test_runs_as_the_unprivileged_user(sandbox: Sandbox, expected: Expected) -> None:
    assert shell(sandbox, "echo $UID $EUID") == f"{expected.uid} {expected.uid}"
    assert shell(sandbox, "id -g") == str(expected.uid)


def test_has_no_capability_and_can_gain_none(sandbox: Sandbox) -> None:
    lines = shell(sandbox, "cat /proc/self/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"


def test_users_have_their_names(sandbox: Sandbox, expected: Expected) -> None:
    passwd = [line.split(":") for line in shell(sandbox, "cat /etc/passwd").splitlines()]
    group = [line.split(":") for line in shell(sandbox, "cat /etc/group").splitlines()]
    assert {line[0]: int(line[2]) for line in passwd} == USERS
    assert {line[0]: int(line[2]) for line in group} == USERS
    assert all(line[2] == line[3] and line[1] == "x" for line in passwd)
    names = {uid: name for name, uid in USERS.items()}
    assert shell(sandbox, "id -un") == names[expected.uid]


@pytest.mark.parametrize("place", ["/", "/etc", "/usr/local", "/usr/bin"])
def test_root_is_read_only(sandbox: Sandbox, place: str) -> None:
    assert "Read-only file system" in shell(sandbox, f"touch {place}/x 2>&1 || true", LC_ALL="C")


def test_tmp_is_writable(sandbox: Sandbox) -> None:
    assert shell(sandbox, 'file=$(mktemp) && echo written > "$file" && cat "$file"') == "written"


def test_environment_of_the_config_arrives(sandbox: Sandbox) -> None:
    lines = shell(sandbox, "env").splitlines()
    assert set(lines) >= {f"{key}={value}" for key, value in sandbox.image.environment.items()}


def test_bash_and_sh_are_there(sandbox: Sandbox) -> None:
    assert shell(sandbox, "echo $BASH") == "/bin/bash"
    result = sandbox.run("/bin/sh", "-c", "echo from sh", entrypoint=False)
    assert (result.code, result.output) == (0, "from sh\n")


def test_bash_works_as_a_command(sandbox: Sandbox) -> None:
    result = sandbox.run("/bin/bash", "-c", "echo $((6 * 7))")
    assert (result.code, result.output.splitlines()[-1:]) == (0, ["42"])


def test_exit_code_of_a_command_arrives(sandbox: Sandbox) -> None:
    assert sandbox.run("/bin/bash", "-c", "exit 3").code == 3


def test_time_zones_are_there(sandbox: Sandbox) -> None:
    # 2026-07-01 00:00 UTC; without the zone's file, libc says 00:00 UTC whatever TZ is
    assert shell(sandbox, "printf '%(%H:%M %Z)T' 1782864000", TZ="Europe/Paris") == "02:00 CEST"
    assert shell(sandbox, "printf '%(%H:%M %Z)T' 1782864000") == "00:00 UTC"


def test_locale_is_utf_8(sandbox: Sandbox) -> None:
    assert sandbox.image.environment["LANG"] == "C.UTF-8"
    assert shell(sandbox, "title='Élevé à Tōkyō 漫画'; echo ${#title}") == "16"


def test_certificate_authorities_are_there(sandbox: Sandbox) -> None:
    bundle = shell(sandbox, "cat /etc/ssl/certs/ca-certificates.crt")
    assert bundle.count("-----BEGIN CERTIFICATE-----") == bundle.count("-----END CERTIFICATE-----") > 100


def test_packages_are_described_as_dpkg_does(sandbox: Sandbox) -> None:
    folder = sandbox.root / "var/lib/dpkg/status.d"
    described = [path for path in sorted(folder.iterdir()) if path.suffix != ".md5sums"]
    compared = 0
    for path in described:
        fields = dict(line.split(": ", 1) for line in path.read_text().splitlines() if re.match(r"[A-Z][\w-]*: ", line))
        assert fields["Package"] == path.name
        assert fields["Version"]
        assert fields["Architecture"] in ("all", sandbox.image.architecture)
        sums = path.with_name(f"{path.name}.md5sums")
        for line in sums.read_text().splitlines() if sums.exists() else []:
            expected, name = line.split(maxsplit=1)
            content = (sandbox.root / name).read_bytes()
            # what was kept of a package is as the package had it
            assert hashlib.md5(content, usedforsecurity=False).hexdigest() == expected, name
            compared += 1
    assert len(described) > 5
    assert compared > 100


def test_healthcheck_fails_while_nothing_serves(sandbox: Sandbox) -> None:
    assert sandbox.run(*sandbox.healthcheck, entrypoint=False, environment={"PORT": "9"}).code != 0
