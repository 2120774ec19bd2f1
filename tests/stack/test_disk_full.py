"""A full disk refuses writes and ends nothing: what was acknowledged is there, and with space all goes on."""

import secrets
import time
import uuid

import httpx

from booksync_stack.household import V1, Household, Member, problem, wait_until_true
from booksync_stack.services import PORTS, wait_until
from booksync_stack.writers import Writers
from booksync_vm.machine import Machine

#: On the file system of the engine and its volumes.
FILLING = "/var/filling"
RECOVERY_SECONDS = 600


def find_refusal(household: Household, member: Member) -> httpx.Response:
    """Write volumes, with text that takes room, until one is refused.

    :raises AssertionError: none is
    """
    deadline = time.monotonic() + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        body = {"notes": secrets.token_hex(2000)}
        answer = household.data.put(f"{V1}/me/volumes/{uuid.uuid4()}", json=body, headers=member.headers)
        if answer.status_code != 201:
            return answer
    raise AssertionError("a full disk takes whatever comes")


def test_full_disk(deployed: Machine, household: Household) -> None:
    member = household.join("Claire")
    with Writers(household, member) as writers:
        writers.wait_for(20)
        # the last blocks go where an allocation at once finds no room
        deployed.succeed(f"fallocate -l $(df --output=avail -B1 /var | tail -n 1) {FILLING} || true")
        deployed.execute(f"dd if=/dev/zero of={FILLING}.rest bs=4k")
        status, code = problem(find_refusal(household, member))
        assert (status, code.isidentifier()) == (503, True)
        for service in PORTS:
            assert household.clients[service].get("/health").status_code == 200
        deployed.succeed(f"rm {FILLING} {FILLING}.rest")
        for service in PORTS:
            wait_until_true(
                lambda service=service: household.is_ready(service),  # type: ignore[misc]
                what=f"{service} is ready again",
                seconds=RECOVERY_SECONDS,
            )
        writers.wait_for(20)
    writers.check()
    wait_until(deployed, "healthy")
