"""One machine for all scenarios: ours, or the one that whoever calls pytest puts into its stash."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from booksync_auth_testing.mangacollec import CLIENT_ID, CLIENT_SECRET
from booksync_stack import GIVEN
from booksync_stack.deployment import bring_up, install, is_deployed
from booksync_stack.household import Household
from booksync_stack.loading import Client
from booksync_stack.mangacollec import ADDRESS
from booksync_stack.services import wait_until
from booksync_vm.machine import Machine, MachineError
from booksync_vm.qemu import load_model

#: With BOOKSYNC_VM_STATE the machine keeps its disk there, from one run of the tests to the next.
STATE = "BOOKSYNC_VM_STATE"

ENGINE_SECONDS = 600

#: Of the first prediction, for which the model encodes every mood: two minutes, where a slow processor is emulated.
PREDICTION_SECONDS = 600

#: What this household's operator has decided.
SETTINGS = {"MANGACOLLEC_CLIENT_ID": CLIENT_ID, "MANGACOLLEC_BASE_URL": ADDRESS}


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Return the machine, which runs."""
    given = request.config.stash.get(GIVEN, None)
    if given is not None:
        yield given
        return
    kept = os.environ.get(STATE)
    directory = Path(kept or tempfile.mkdtemp(prefix="vm-"))
    directory.mkdir(exist_ok=True)
    machine = Machine(load_model(), directory)
    try:
        machine.start()
        machine.wait_until_succeeds("docker version", timeout=ENGINE_SECONDS)
        yield machine
        machine.shutdown()
    except MachineError:
        sys.stderr.write(machine.journal())
        raise
    finally:
        machine.crash()
        if kept is None:
            shutil.rmtree(directory)


@pytest.fixture(scope="session")
def client(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Return docker's client on the builder."""
    return Client(machine, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def loaded(client: Client) -> list[str]:
    """Load the images into the machine's engine, and return their names."""
    return client.load_images()


@pytest.fixture(scope="session")
def deployed(machine: Machine, loaded: list[str]) -> Machine:
    """Return the machine with BookSync in production, healthy."""
    assert loaded
    if not is_deployed(machine):
        install(machine, Path("deploy"), settings=SETTINGS, secrets={"mangacollec_client_secret": CLIENT_SECRET})
        bring_up(machine)
    wait_until(machine, "healthy")
    return machine


@pytest.fixture(scope="session")
def household(deployed: Machine) -> Iterator[Household]:
    """Return a family's devices."""
    household = Household(deployed)
    household.prediction.timeout = PREDICTION_SECONDS
    yield household
    for client in household.clients.values():
        client.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the machine has to say about a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and machine is not None:
        report.sections.append(("the machine", machine.journal()))
