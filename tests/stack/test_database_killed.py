"""The database killed in the middle of writes: services say that they cannot work, and go on by themselves; nothing
that was acknowledged is lost.
"""

from concurrent.futures import ThreadPoolExecutor

from booksync_stack.household import Household, wait_until_true
from booksync_stack.services import DATABASE, PORTS, RECOVERING, read_log, wait_until
from booksync_stack.writers import Writers
from booksync_vm.machine import Machine

RECOVERY_SECONDS = 300


def see_it_go_and_come_back(household: Household, service: str) -> None:
    """Wait until a service is not ready, which it says itself, and then until it is."""
    wait_until_true(
        lambda: household.clients[service].get("/health/ready").status_code == 503,
        what=f"{service} says that it is not ready",
        seconds=RECOVERY_SECONDS,
    )
    assert household.clients[service].get("/health").status_code == 200
    wait_until_true(lambda: household.is_ready(service), what=f"{service} is ready again", seconds=RECOVERY_SECONDS)


def test_killed_under_load(deployed: Machine, household: Household) -> None:
    member = household.join("Claire")
    restarts = f"docker inspect --format '{{{{.RestartCount}}}}' {DATABASE}"
    before = int(deployed.succeed(restarts))
    recoveries = read_log(deployed, DATABASE).count(RECOVERING)
    with Writers(household, member) as writers:
        writers.wait_for(50)
        # as the kernel does it that is out of memory: the engine has not been asked
        deployed.succeed(f"kill -KILL $(docker inspect --format '{{{{.State.Pid}}}}' {DATABASE})")
        # all at once: the database is not away for long
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda service: see_it_go_and_come_back(household, service), PORTS))
        writers.wait_for(50)
    assert int(deployed.succeed(restarts)) == before + 1
    assert read_log(deployed, DATABASE).count(RECOVERING) == recoveries + 1
    # whoever had to wait was told so, in a way that programs understand
    assert writers.outcomes.keys() <= {201, 503}, writers.outcomes
    assert writers.outcomes[503] > 0
    writers.check()
    wait_until(deployed, "healthy")
