"""A service that dies comes back by itself, and the others go on meanwhile."""

import pytest

from booksync_stack.household import V1, Household, expect, wait_until_true
from booksync_stack.services import CONTAINERS, wait_until
from booksync_vm.machine import Machine

RECOVERY_SECONDS = 300

#: What a signed-in member asks of each.
QUESTIONS = {"auth": f"{V1}/users/me", "data": f"{V1}/me/stats", "prediction": f"{V1}/models/current"}


@pytest.mark.parametrize("service", CONTAINERS)
def test_killed_service_comes_back(deployed: Machine, household: Household, service: str) -> None:
    member = household.join("Claire")
    container = CONTAINERS[service]
    restarts = f"docker inspect --format '{{{{.RestartCount}}}}' {container}"
    before = int(deployed.succeed(restarts))
    deployed.succeed(f"kill -KILL $(docker inspect --format '{{{{.State.Pid}}}}' {container})")
    for other in CONTAINERS:
        if other != service:
            expect(200, household.clients[other].get("/health/ready"))
    wait_until_true(
        lambda: int(deployed.succeed(restarts)) == before + 1 and household.is_ready(service),
        what=f"{service} is back",
        seconds=RECOVERY_SECONDS,
    )
    # sessions are in the database, not in what has died
    for other, path in QUESTIONS.items():
        expect(200, household.clients[other].get(path, headers=member.headers))
    wait_until(deployed, "healthy", [container])
