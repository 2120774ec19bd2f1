"""The machine's power cut during writes: all of it starts again by itself, with everything that was acknowledged."""

from booksync_stack.household import Household, wait_until_true
from booksync_stack.services import DATABASE, PORTS, RECOVERING, read_log, wait_until
from booksync_stack.writers import Writers
from booksync_vm.machine import Machine

RECOVERY_SECONDS = 600


def test_power_cut_during_writes(deployed: Machine, household: Household) -> None:
    member = household.join("Claire")
    with Writers(household, member, timeout=10) as writers:
        writers.wait_for(100)
        deployed.crash()
    deployed.start()
    for service in PORTS:
        wait_until_true(
            lambda service=service: household.is_ready(service),  # type: ignore[misc]
            what=f"{service} is ready again",
            seconds=RECOVERY_SECONDS,
        )
    assert read_log(deployed, DATABASE).count(RECOVERING) == 1
    # the session, too, was written before it was acknowledged
    writers.check()
    wait_until(deployed, "healthy")
