"""A new version comes into service on the same volume, goes back, and a broken one never gets there."""

import uuid

import pytest

from booksync_stack.deployment import BROKEN_SECONDS, DEPLOY_SECONDS, with_patience
from booksync_stack.household import V1, Household, expect
from booksync_stack.services import CONTAINERS, wait_until
from booksync_vm.machine import Machine
from booksync_vm.subtests import subtest

DATA = CONTAINERS["data"]

MIGRATIONS = "/usr/local/lib/python3.12/site-packages/booksync_api_data/migrations/versions"

#: What a next version has beside the present one: a table.
MIGRATION = '''\
"""Loans."""

from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.execute("CREATE TABLE data.loans (volume_id uuid PRIMARY KEY)")
'''

DOCKERFILE = """\
FROM booksync-api-data:latest
{change}
LABEL org.opencontainers.image.version={version}
"""


def build(machine: Machine, version: str, change: str) -> None:
    """Make a version of the Data API from the one that is there."""
    text = DOCKERFILE.format(version=version, change=change)
    machine.succeed(
        f"cat > /tmp/next/Dockerfile <<'EOF'\n{text}EOF",
        f"DOCKER_BUILDKIT=0 docker build --tag booksync-api-data:{version} /tmp/next",
    )


def running_image(machine: Machine) -> str:
    """Return the version that runs."""
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    return machine.succeed(f"docker inspect --format '{label}' {DATA}").strip()


@pytest.fixture(scope="module", autouse=True)
def versions(deployed: Machine) -> str:
    """Build what comes next, where a disk that was kept does not have it, and return what runs now."""
    status, _ = deployed.execute("docker image inspect booksync-api-data:1.1.0 booksync-api-data:1.2.0")
    if status == 0:
        return running_image(deployed)
    query = "docker exec booksync-postgres psql -U postgres -At -d booksync -c"
    head = deployed.succeed(f"{query} 'SELECT version_num FROM data.alembic_version'").strip()
    text = MIGRATION.format(head=head)
    deployed.succeed("mkdir -p /tmp/next", f"cat > /tmp/next/next.py <<'EOF'\n{text}EOF")
    build(deployed, "1.1.0", f"COPY next.py {MIGRATIONS}/next.py")
    build(deployed, "1.2.0", 'ENTRYPOINT ["/bin/false"]')
    return running_image(deployed)


def test_new_version_and_back(deployed: Machine, household: Household, versions: str) -> None:
    member = household.join("Claire")
    mine = f"{V1}/me/volumes/{uuid.uuid4()}"
    expect(201, household.data.put(mine, json={"notes": "avant"}, headers=member.headers))

    with subtest("a new version, with a migration"):
        deployed.succeed(with_patience("deploy.sh --no-backup booksync-api-data:1.1.0"), timeout=DEPLOY_SECONDS)
        assert running_image(deployed) == "1.1.0"
        assert expect(200, household.data.get(mine, headers=member.headers))["notes"] == "avant"
        expect(200, household.data.put(mine, json={"notes": "après"}, headers=member.headers))

    with subtest("back, on the schema that the new one has made"):
        deployed.succeed(with_patience("rollback.sh data-api"), timeout=DEPLOY_SECONDS)
        assert running_image(deployed) == versions
        assert expect(200, household.data.get(mine, headers=member.headers))["notes"] == "après"
    wait_until(deployed, "healthy")


def test_broken_version_never_stays(deployed: Machine, household: Household, versions: str) -> None:
    broken = with_patience("deploy.sh --no-backup booksync-api-data:1.2.0", seconds=BROKEN_SECONDS)
    status, _ = deployed.execute(f"{broken} >/tmp/deploy.log 2>&1", timeout=DEPLOY_SECONDS)
    # not in service, and what ran before is
    assert status == 1, deployed.succeed("cat /tmp/deploy.log")
    wait_until(deployed, "healthy")
    assert running_image(deployed) == versions
    expect(200, household.data.get("/health/ready"))
