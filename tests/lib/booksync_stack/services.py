"""The containers of a running BookSync, under the names of the guide."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from booksync_vm.machine import Machine

DATABASE = "booksync-postgres"
#: What it says when it starts after it, or its machine, was killed.
RECOVERING = "automatic recovery in progress"
PORTS = {"auth": 8000, "data": 8001, "prediction": 8002}
CONTAINERS = {"auth": "booksync_auth_api", "data": "booksync-api-data", "prediction": "booksync-api-prediction"}
ALL = (DATABASE, *CONTAINERS.values())

#: Of a container, from its start until its health check has passed, on an emulated processor that others use too.
HEALTHY_SECONDS = 900


def read_log(machine: Machine, container: str) -> str:
    """Return what a container has said since the machine was switched on, as its engine keeps it.

    ``docker logs`` reads no further than the zeros that a power cut leaves in that file (moby/moby#29511); and of
    what was said just before, some is lost. So the file is read here, and only what came after.
    """
    boot = datetime.fromtimestamp(int(machine.succeed("grep ^btime /proc/stat").split()[1]), tz=UTC)
    lines = machine.succeed(f"tr -s '\\000' '\\n' < $(docker inspect --format '{{{{.LogPath}}}}' {container})")
    return "".join(said for time, said in parse_log(lines) if time >= boot)


def parse_log(lines: str) -> Iterator[tuple[datetime, str]]:
    """Yield the time and text of each line of an engine's log, but of those that a power cut has left half."""
    for line in lines.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            yield datetime.fromisoformat(entry["time"]), entry["log"]


def wait_until(machine: Machine, health: str, containers: Sequence[str] = ALL) -> None:
    """Wait until the engine has found containers healthy, or unhealthy."""
    names = " ".join(containers)
    shown = f"docker inspect --format '{{{{.State.Health.Status}}}}' {names}"
    machine.wait_until_succeeds(
        f"[ $({shown} | grep -cx {health}) = {len(containers)} ] || {{ {shown}; exit 1; }}", HEALTHY_SECONDS
    )
