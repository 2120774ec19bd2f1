"""No service's database user reaches what is another's, and nobody outside reaches the database at all."""

import itertools

import pytest

from booksync_stack.deployment import read_secret
from booksync_stack.services import CONTAINERS, DATABASE, PORTS
from booksync_vm.machine import Machine

SERVICES = tuple(PORTS)

#: A table of each that holds what is nobody else's business.
TABLES = {"auth": "auth.users", "data": "data.user_volume", "prediction": "prediction.recommendations"}


def query(machine: Machine, service: str, statement: str) -> tuple[int, str]:
    """Run a statement as a service would, over TCP and with its password."""
    address = f"postgresql://booksync_{service}@127.0.0.1/booksync"
    password = read_secret(machine, f"db_{service}_password")
    return machine.execute(
        f"docker exec -e PGPASSWORD={password} {DATABASE} psql -v ON_ERROR_STOP=1 -At {address} -c '{statement}' 2>&1"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_service_reaches_its_own_tables_alone(deployed: Machine, service: str) -> None:
    status, shown = query(deployed, service, f"SELECT count(*) FROM {TABLES[service]}")
    assert (status, shown.strip().isdigit()) == (0, True), shown
    for other in SERVICES:
        if other != service:
            for statement in (f"SELECT * FROM {TABLES[other]}", f"DELETE FROM {TABLES[other]}"):
                status, shown = query(deployed, service, statement)
                assert status != 0, statement
                assert "permission denied for schema" in shown
    status, shown = query(deployed, service, "CREATE TABLE public.mine (x int)")
    assert (status != 0, "permission denied for schema public" in shown) == (True, True), shown


def test_service_has_no_password_of_another(deployed: Machine) -> None:
    passwords = {service: read_secret(deployed, f"db_{service}_password") for service in SERVICES}
    for service, other in itertools.permutations(SERVICES, 2):
        seen = deployed.succeed(f"docker exec {CONTAINERS[service]} sh -c 'cat /run/secrets/*; env'")
        assert passwords[service] in seen
        assert passwords[other] not in seen
    key = read_secret(deployed, "jwt_secret_key")
    for service in ("data", "prediction"):
        assert key not in deployed.succeed(f"docker exec {CONTAINERS[service]} sh -c 'cat /run/secrets/*; env'")


def test_database_is_not_reached_from_outside(deployed: Machine) -> None:
    deployed.fail("exec 3<>/dev/tcp/localhost/5432")
