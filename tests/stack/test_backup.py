"""A backup brings everything back after the volume was lost: profiles, their sessions, and what they have said."""

import uuid

from booksync_stack.deployment import COMPOSE, DEPLOY_SECONDS, FOLDER, SCRIPTS
from booksync_stack.household import V1, Household, expect
from booksync_stack.services import CONTAINERS, DATABASE, HEALTHY_SECONDS, wait_until
from booksync_vm.machine import Machine
from booksync_vm.subtests import subtest


def test_backup_wipe_restore(deployed: Machine, household: Household) -> None:
    member = household.join("Claire")
    kept, later = (f"{V1}/me/volumes/{uuid.uuid4()}" for _ in range(2))
    expect(201, household.data.put(kept, json={"notes": "avant"}, headers=member.headers))
    profiles = household.profiles()

    with subtest("backup"):
        # the script prints where the backup is
        dump = deployed.succeed(f"cd {FOLDER} && {SCRIPTS}/backup.sh backups", timeout=HEALTHY_SECONDS).strip()
        assert "JWT_SECRET_KEY=" in deployed.succeed(f"cd {FOLDER} && cat {dump.removesuffix('.dump')}.keys")
        assert deployed.succeed(f"cd {FOLDER} && stat -c %a {dump}").strip() == "600"
    expect(201, household.data.put(later, json={"notes": "après"}, headers=member.headers))

    with subtest("the volume is lost, and a new one made"):
        deployed.succeed(f"{COMPOSE} rm --stop --force", "docker volume rm booksync_pgdata")
        deployed.succeed(f"{COMPOSE} up --detach --wait postgres", timeout=DEPLOY_SECONDS)

    with subtest("restore"):
        deployed.succeed(f"cd {FOLDER} && {SCRIPTS}/restore.sh --yes {dump}", timeout=HEALTHY_SECONDS)
        deployed.succeed(f"{COMPOSE} up --detach", timeout=DEPLOY_SECONDS)
        wait_until(deployed, "healthy")

    # also the session of the time before
    assert expect(200, household.data.get(kept, headers=member.headers))["notes"] == "avant"
    expect(404, household.data.get(later, headers=member.headers))
    assert household.profiles() == profiles
    assert household.log_in("Claire").id == member.id


def test_restore_refuses_while_services_run(deployed: Machine) -> None:
    dumps = deployed.succeed(f"ls {FOLDER}/backups/*.dump").split()
    said = deployed.fail(f"{SCRIPTS}/restore.sh --yes {dumps[0]} 2>&1")
    assert "is in use by" in said
    running = deployed.succeed("docker ps --format '{{.Names}}'").split()
    assert {DATABASE, *CONTAINERS.values()} <= set(running)
