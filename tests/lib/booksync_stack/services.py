"""The containers of a running BookSync, under the names of the guide."""

from collections.abc import Sequence

from booksync_vm.machine import Machine

DATABASE = "booksync-postgres"
PORTS = {"auth": 8000, "data": 8001, "prediction": 8002}
CONTAINERS = {"auth": "booksync_auth_api", "data": "booksync-api-data", "prediction": "booksync-api-prediction"}
ALL = (DATABASE, *CONTAINERS.values())

#: Of a container, from its start until its health check has passed, on an emulated processor that others use too.
HEALTHY_SECONDS = 900


def read_log(machine: Machine, container: str) -> str:
    """Return what a container has said, a JSON object a line, as its engine keeps it.

    ``docker logs`` reads no further than the zeros that a power cut leaves in that file (moby/moby#29511).
    """
    return machine.succeed(f"tr -d '\\000' < $(docker inspect --format '{{{{.LogPath}}}}' {container})")


def wait_until(machine: Machine, health: str, containers: Sequence[str] = ALL) -> None:
    """Wait until the engine has found containers healthy, or unhealthy."""
    names = " ".join(containers)
    shown = f"docker inspect --format '{{{{.State.Health.Status}}}}' {names}"
    machine.wait_until_succeeds(
        f"[ $({shown} | grep -cx {health}) = {len(containers)} ] || {{ {shown}; exit 1; }}", HEALTHY_SECONDS
    )
