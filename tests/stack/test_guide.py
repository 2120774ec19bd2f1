"""The guide's own lines, word for word, make a healthy BookSync, and do what the guide says that they do."""

from collections.abc import Iterator

import pytest

from booksync_stack import guide
from booksync_stack.services import ALL, CONTAINERS, DATABASE, PORTS, wait_until
from booksync_vm.machine import Machine

AUTH = CONTAINERS["auth"]


@pytest.fixture(scope="module", autouse=True)
def stack(machine: Machine, loaded: list[str]) -> Iterator[None]:
    """Run the lines of section 3, and at the end those that take everything away again."""
    assert loaded
    for image, name in guide.TAGS.items():
        machine.succeed(f"docker tag {image} {name}")
    machine.succeed(guide.NETWORK, guide.POSTGRES)
    wait_until(machine, "healthy", [DATABASE])
    machine.succeed(guide.at_a_terminal(guide.EXTENSION), guide.AUTH, guide.DATA, guide.PREDICTION)
    wait_until(machine, "healthy")
    yield
    machine.succeed(guide.STOP, guide.REMOVE)
    assert machine.succeed('docker ps -aq --filter "name=booksync"') == ""
    machine.succeed("docker network rm booksync-network", "docker volume rm booksync_pgdata")


@pytest.mark.parametrize("port", PORTS.values())
def test_services_answer_on_the_host(machine: Machine, port: int) -> None:
    assert '"status":"ok"' in machine.succeed(f"curl --fail --silent http://localhost:{port}/health")
    assert "swagger" in machine.succeed(f"curl --fail --silent http://localhost:{port}/docs")


def test_guide_has_no_line_that_nobody_runs() -> None:
    once = [guide.NETWORK, guide.AUTH, guide.DATA, guide.PREDICTION, guide.POSTGRES, guide.EXTENSION, guide.STOP]
    run = {" ".join(line.replace("\\\n", "").split()) for line in (*once, guide.REMOVE, guide.BACK_UP)}
    # written anew for our image, which the machine has under the old name as well
    run = {line.replace("pgvector/pgvector:pg17", "booksync-postgres:latest") for line in run}
    lines = set(guide.list_lines())
    assert run <= lines
    left = {line for line in lines - run if not guide.ASKING.match(line)}
    assert {line for line in left if not line.startswith(tuple(guide.ELSEWHERE))} == set()
    assert {start for start in guide.ELSEWHERE if not any(line.startswith(start) for line in left)} == set()


def test_every_line_that_asks_is_answered(machine: Machine) -> None:
    for line in guide.list_lines():
        if guide.ASKING.match(line) and line not in (guide.EXTENSION.strip(), guide.BACK_UP):
            machine.succeed(guide.as_a_person(line))
    wait_until(machine, "healthy")


def test_containers_are_found_by_name(machine: Machine) -> None:
    listed = machine.succeed('docker ps -a --filter "name=booksync"')
    assert all(name in listed for name in ALL)
    assert "(healthy)" in machine.succeed('docker ps --format "table {{.Names}}\\t{{.Status}}\\t{{.Ports}}"')
    assert "booksync-api-auth" in machine.succeed("docker images | grep booksync")
    assert "booksync_pgdata" in machine.succeed("docker volume ls")
    assert AUTH in machine.succeed("docker network inspect booksync-network")


def test_logs_are_read_and_followed(machine: Machine) -> None:
    # the guide's sample key is public, which is said once
    warning = "JWT_SECRET_KEY is a sample"
    assert machine.succeed(f"docker logs {AUTH} 2>&1").count(warning) == 1
    assert machine.succeed(f"docker logs -t {AUTH} 2>&1").startswith("20")
    assert warning in machine.succeed(f"docker logs --tail 100 {AUTH} 2>&1")
    followed = machine.execute(f"timeout 30 docker logs -f {AUTH} 2>&1")
    assert (followed[0], warning in followed[1]) == (124, True)


def test_shell_in_a_container(machine: Machine) -> None:
    line = guide.at_a_terminal(f"docker exec -it {AUTH} /bin/bash")
    said = machine.succeed(f"echo 'id -u; exit' | {line}")
    assert "65532" in said


def test_service_is_restarted(machine: Machine) -> None:
    machine.succeed(f"docker restart {AUTH}")
    # stopped in order, not killed
    assert "Application shutdown complete" in machine.succeed(f"docker logs {AUTH} 2>&1")
    wait_until(machine, "healthy", [AUTH])
    machine.succeed("curl --fail --silent http://localhost:8000/health/ready")


def test_plain_dump_goes_into_an_empty_database(machine: Machine) -> None:
    machine.succeed(
        "cd /tmp && " + guide.BACK_UP,
        "docker exec booksync-postgres createdb -U booksync empty",
        # the guide's line, for a database that is not in use
        "cat /tmp/backup_*.sql | docker exec -i booksync-postgres psql -v ON_ERROR_STOP=1 -U booksync empty",
    )
    tables = 'docker exec booksync-postgres psql -U booksync -At -d {} -c "SELECT count(*) FROM pg_tables"'
    assert machine.succeed(tables.format("empty")) == machine.succeed(tables.format("booksync"))
