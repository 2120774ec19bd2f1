"""Without the database the engine finds the services unhealthy, which still answer; with it they are healthy again."""

from booksync_stack.household import Household, expect
from booksync_stack.services import CONTAINERS, DATABASE, PORTS, wait_until
from booksync_vm.machine import Machine


def test_unhealthy_and_back(deployed: Machine, household: Household) -> None:
    wait_until(deployed, "healthy")
    deployed.succeed(f"docker stop {DATABASE}")
    wait_until(deployed, "unhealthy", list(CONTAINERS.values()))
    for service in PORTS:
        assert expect(200, household.clients[service].get("/health"))["status"] == "degraded"
        expect(200, household.clients[service].get("/health/live"))
    deployed.succeed(f"docker start {DATABASE}")
    wait_until(deployed, "healthy")
