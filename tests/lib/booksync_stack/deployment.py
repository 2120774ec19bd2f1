"""BookSync in production as deploy/ lays it out: compose, scripts, secrets and .env below /srv/booksync."""

import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from booksync_stack.services import HEALTHY_SECONDS
from booksync_vm.machine import Machine

FOLDER = "/srv/booksync"
SCRIPTS = f"{FOLDER}/scripts"
COMPOSE = f"{SCRIPTS}/compose.sh"

#: Of a first start: initdb, every migration, and what deploy.sh waits for.
DEPLOY_SECONDS = 2 * HEALTHY_SECONDS

#: Of a container that never is healthy, and of the one that then takes its place again.
BROKEN_SECONDS = 240

#: What is changed in compose.prod.yaml where a processor is emulated: a service takes minutes to start there, a health
#: check seconds, and as many as there are by default leave no time for anything else.
SLOW = "interval: 45s, start_interval: 15s, timeout: 30s, start_period: 15m"
SLOW_LINES = "".join(f"      {line}\n" for line in SLOW.split(", "))
EMULATED = {
    "  healthcheck: {start_period: 15m}\n": "  healthcheck: {" + SLOW + "}\n",
    "      interval: 5s\n      timeout: 5s\n      retries: 5\n      start_period: 15m\n": SLOW_LINES,
    "      interval: 10s\n      timeout: 5s\n      retries: 3\n": SLOW_LINES,
}


def install(machine: Machine, deploy: Path, *, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Lay a checkout's deploy/ out, as an operator does.

    :param settings: what .env gets beside the example's
    :param secrets: those that are not made up
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "deploy"
        shutil.copytree(deploy, copy, copy_function=shutil.copyfile)
        if machine.model.accelerator == "tcg":
            rewrite(copy / "compose.prod.yaml", EMULATED)
        machine.copy_from_host(str(copy), "/srv/checkout/deploy")
    machine.succeed(f"mkdir -p -m 0700 {FOLDER}/secrets")
    for name, value in secrets.items():
        machine.succeed(f"printf %s {shlex.quote(value)} > {FOLDER}/secrets/{name}")
    machine.succeed("bash /srv/checkout/deploy/scripts/install.sh")
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    machine.succeed(f"printf %s {shlex.quote(lines)} >> {FOLDER}/.env")


def rewrite(path: Path, changes: Mapping[str, str]) -> None:
    """Replace parts of a file.

    :raises ValueError: it does not have each of them once
    """
    text = path.read_text()
    for old, new in changes.items():
        if text.count(old) != 1:
            message = f"{path.name}: expected {old!r} once"
            raise ValueError(message)
        text = text.replace(old, new)
    path.write_text(text)


def with_patience(script: str, *, seconds: int = HEALTHY_SECONDS) -> str:
    """Return the command line of a script that waits until containers are healthy.

    :param seconds: how long
    """
    return f"HEALTHY_SECONDS={seconds} {SCRIPTS}/{script}"


def bring_up(machine: Machine) -> None:
    """Start what .env names, and wait until all of it is healthy, which the script does."""
    machine.succeed(with_patience("deploy.sh"), timeout=DEPLOY_SECONDS)


def is_deployed(machine: Machine) -> bool:
    """Tell whether a disk that was kept has it already."""
    status, _ = machine.execute(f"ls {FOLDER}/releases/[0-9]*")
    return status == 0


def read_secret(machine: Machine, name: str) -> str:
    """Return a secret of the deployment."""
    return machine.succeed(f"cat {FOLDER}/secrets/{name}")
