"""A release on its way: pushed, found equal, deployed by digest; a broken one gives way; and last night comes back."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from booksync_stack.deployment import BROKEN_SECONDS, COMPOSE, DEPLOY_SECONDS, FOLDER, SCRIPTS, with_patience
from booksync_stack.household import V1, Household, expect
from booksync_stack.services import ALL, CONTAINERS, HEALTHY_SECONDS, wait_until
from booksync_testing.registry import configure
from booksync_testing.web import free_port
from booksync_vm.machine import Machine
from booksync_vm.subtests import subtest

PORT = 5000
#: As the machine itself calls it: its engine wants no TLS of a registry on loopback.
INSIDE = f"127.0.0.1:{PORT}/family"

REGISTRY = "/srv/registry"

DATA = CONTAINERS["data"]

#: For all images to go to an emulated machine, or to come from there.
APP_SECONDS = 1800


@pytest.fixture(scope="module")
def outside(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Debian's registry on the machine, and return its namespace as the builder reaches it."""
    configuration = tmp_path_factory.mktemp("registry") / "configuration.yml"
    configuration.write_text(configure(f":{PORT}", f"{REGISTRY}/storage"))
    program = f"{REGISTRY}/docker-registry"
    machine.copy_from_host(os.environ["BOOKSYNC_REGISTRY"], program)
    machine.copy_from_host(str(configuration), f"{REGISTRY}/configuration.yml")
    machine.succeed(
        f"chmod +x {program}",
        f"{program} serve {REGISTRY}/configuration.yml >{REGISTRY}/log 2>&1 & echo $! >{REGISTRY}/pid",
    )
    machine.wait_until_succeeds(f"curl --fail --silent http://127.0.0.1:{PORT}/v2/")
    port = free_port()
    machine.forward_port(port, PORT)
    yield f"127.0.0.1:{port}/family"
    machine.succeed(f"kill $(cat {REGISTRY}/pid)", f"rm -r {REGISTRY}")


def run_app(name: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run `nix run .#NAME` on the builder; what it says beside its result is shown."""
    return subprocess.run(
        [os.environ[f"BOOKSYNC_{name.upper()}"], "--insecure", *arguments],
        env={"HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=APP_SECONDS,
    )


def running_images(machine: Machine) -> set[str]:
    """Return what the containers were made of, as the engine was told."""
    return set(machine.succeed(f"docker inspect --format '{{{{.Config.Image}}}}' {' '.join(ALL)}").split())


def test_release(deployed: Machine, household: Household, outside: str, tmp_path: Path) -> None:
    member = household.join("Claire")
    kept, later = (f"{V1}/me/volumes/{uuid.uuid4()}" for _ in range(2))
    expect(201, household.data.put(kept, json={"notes": "avant"}, headers=member.headers))

    with subtest("push"):
        pushed = run_app("push", outside, home=tmp_path)
        assert pushed.returncode == 0
        references = {line.replace(outside, INSIDE) for line in pushed.stdout.splitlines()}
        assert len(references) == len(ALL)

    with subtest("what the registry has is what is built here"):
        for reference in pushed.stdout.splitlines():
            assert run_app("verify", reference, home=tmp_path).returncode == 0

    with subtest("deploy, by digest, with a backup of what is there"):
        lines = "\n".join(references)
        deployed.succeed(f"echo '{lines}' | {with_patience('deploy.sh -')}", timeout=DEPLOY_SECONDS)
        assert running_images(deployed) == references
        dump = deployed.succeed(f"ls -t {FOLDER}/backups/*.dump | head -n 1").strip()
        expect(201, household.data.put(later, json={"notes": "après"}, headers=member.headers))

    with subtest("a version that somebody has changed is not equal, and being broken it does not stay"):
        (pulled,) = (reference for reference in references if "/booksync-api-data@" in reference)
        broken = f"{INSIDE}/booksync-api-data:broken"
        deployed.succeed(
            f"printf 'FROM {pulled}\\nENTRYPOINT [\"/bin/false\"]\\n' >{REGISTRY}/Dockerfile",
            f"DOCKER_BUILDKIT=0 docker build --tag {broken} - <{REGISTRY}/Dockerfile",
            f"docker push --quiet {broken}",
        )
        different = run_app("verify", broken.replace(INSIDE, outside), home=tmp_path)
        assert (different.returncode, "not equal" in different.stdout) == (1, True), different.stdout
        status, said = deployed.execute(
            f"{with_patience(f'deploy.sh --no-backup {broken}', seconds=BROKEN_SECONDS)} 2>&1", timeout=DEPLOY_SECONDS
        )
        assert status == 1, said
        wait_until(deployed, "healthy")
        assert running_images(deployed) == references

    with subtest("restore"):
        deployed.succeed(f"docker stop {' '.join(CONTAINERS.values())}")
        deployed.succeed(f"{SCRIPTS}/restore.sh --yes {dump}", timeout=HEALTHY_SECONDS)
        deployed.succeed(f"{COMPOSE} up --detach", timeout=DEPLOY_SECONDS)
        wait_until(deployed, "healthy")
        assert expect(200, household.data.get(kept, headers=member.headers))["notes"] == "avant"
        expect(404, household.data.get(later, headers=member.headers))
