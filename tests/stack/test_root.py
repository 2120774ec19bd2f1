"""A folder that root owns becomes the database's: by a start as root, which drops itself, or by the printed command."""

from collections.abc import Iterator

import pytest

from booksync_stack.services import HEALTHY_SECONDS
from booksync_vm.machine import Machine

NAME = "database-of-root"
FOLDER = "/srv/folder-of-root"
PASSWORD = "/srv/password-of-root"
IMAGE = "booksync-postgres:latest"
RUN = f"docker run -d --name {NAME} -v {FOLDER}:/var/lib/postgresql/data"
READY = f"docker exec {NAME} pg_isready -q -h 127.0.0.1"
LOG_IN = f"docker exec -e PGPASSWORD={{}} {NAME} psql -h 127.0.0.1 -U postgres -c ''"


@pytest.fixture(autouse=True)
def folder(machine: Machine, loaded: list[str]) -> Iterator[str]:
    """Make a folder that nobody but root may look into, and take it away with the container."""
    assert IMAGE in loaded
    machine.succeed(f"mkdir -m 0700 {FOLDER}")
    yield FOLDER
    machine.succeed(f"docker rm --force {NAME}", f"rm -rf {FOLDER} {PASSWORD}")


def read_status(machine: Machine, pid: str) -> dict[str, str]:
    """Return what Linux says of a process (proc_pid_status(5))."""
    lines = machine.succeed(f"cat /proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_root_gives_the_folder_away_and_drops_itself(machine: Machine) -> None:
    machine.succeed(
        f"echo password >{PASSWORD} && chmod 0400 {PASSWORD}",
        f"{RUN} --user 0 -v {PASSWORD}:{PASSWORD} -e POSTGRES_PASSWORD_FILE={PASSWORD} {IMAGE}",
    )
    machine.wait_until_succeeds(READY, HEALTHY_SECONDS)
    first = machine.succeed(f"docker inspect --format '{{{{.State.Pid}}}}' {NAME}").strip()
    others = machine.succeed(f"cat /proc/{first}/task/{first}/children").split()
    assert len(others) > 1
    for pid in (first, *others):
        status = read_status(machine, pid)
        assert status["Name"] == "postgres"
        assert (status["Uid"].split(), status["Gid"].split()) == (["999"] * 4, ["999"] * 4)
        assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")} == {0}
    machine.fail(LOG_IN.format("another"))
    machine.succeed(LOG_IN.format("password"))


def test_printed_command_gives_the_folder_away(machine: Machine) -> None:
    machine.succeed(f"{RUN} -e POSTGRES_PASSWORD=password {IMAGE}")
    assert machine.succeed(f"docker wait {NAME}").strip() == "1"
    said = machine.succeed(f"docker logs {NAME} 2>&1")
    command = said[said.index("docker run") :].splitlines()[0]
    # an operator's container and registry have other names
    for written, here in {
        "--volumes-from booksync-postgres": f"--volumes-from {NAME}",
        "REGISTRY/NAMESPACE/booksync-postgres": IMAGE,
    }.items():
        assert written in command
        command = command.replace(written, here)
    machine.succeed(command, f"docker start {NAME}")
    machine.wait_until_succeeds(READY, HEALTHY_SECONDS)
