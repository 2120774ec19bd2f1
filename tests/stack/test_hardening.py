"""Containers run as nobody special, on a root that they cannot change, with no capability and no way to get one."""

import json

import pytest

from booksync_stack.services import ALL, DATABASE
from booksync_vm.machine import Machine

STATUS = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0, "NoNewPrivs": 1, "Seccomp": 2}


@pytest.mark.parametrize("container", ALL)
def test_first_process_has_no_power(deployed: Machine, container: str) -> None:
    lines = deployed.succeed(f"docker exec {container} cat /proc/1/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert {name: int(status[name], 16) for name in STATUS} == STATUS
    user = "999" if container == DATABASE else "65532"
    assert set(status["Uid"].split()) == {user}


@pytest.mark.parametrize("container", ALL)
def test_root_cannot_be_written(deployed: Machine, container: str) -> None:
    # not even by root
    said = deployed.fail(f"docker exec --user 0 {container} touch /usr/bin/x /etc/x /x 2>&1")
    assert said.count("Read-only file system") == 3
    deployed.succeed(f"docker exec {container} touch /tmp/x")


@pytest.mark.parametrize("container", ALL)
def test_memory_and_processes_are_limited(deployed: Machine, container: str) -> None:
    limits = json.loads(deployed.succeed(f"docker inspect {container}"))[0]["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] > 0
    assert limits["LogConfig"]["Config"]["max-size"]
