"""What a machine can tell about a failure: its console, its container engine, and every container."""

from pathlib import Path

from booksync_vm.agent import Agent, AgentTimeoutError
from booksync_vm.lines import LineError
from booksync_vm.qemu import Qemu

TAIL_LINES = 60
SECONDS = 120

COMMANDS = {
    "containers": "docker ps --all --no-trunc",
    "of the containers": (
        "for name in $(docker ps --all --format '{{.Names}}'); do"
        f' echo "--- $name"; docker logs --timestamps --tail {TAIL_LINES} "$name" 2>&1'
        # after a power cut the engine may be unable to read what it has written
        f""" || tail -n {TAIL_LINES} "$(docker inspect --format '{{{{.LogPath}}}}' "$name")"; done"""
    ),
    "engine": f"grep -v level=info /var/log/dockerd.log | tail -n {TAIL_LINES}",
    "memory and disks": "free -m; df -h",
    "kernel": "dmesg | tail -n 20",
}


def read_journal(directory: Path, agent: Agent | None, qemu: Qemu) -> str:
    """Return all of it, each part under a line that says what it is."""
    console = (directory / "console").read_text(errors="replace").splitlines()[-TAIL_LINES:]
    parts = {"QEMU": qemu.said(), "console": "\n".join(console)}
    if agent is not None and qemu.is_on:
        parts |= {title: ask(agent, command) for title, command in COMMANDS.items()}
    return "\n".join(f"=== {title}\n{text.rstrip()}" for title, text in parts.items() if text.strip())


def ask(agent: Agent, command: str) -> str:
    """Return what a command prints, or why it does not."""
    try:
        ended = agent.run(command, timeout=SECONDS)
    except (AgentTimeoutError, LineError) as error:
        return str(error)
    return ended.output + ended.errors
