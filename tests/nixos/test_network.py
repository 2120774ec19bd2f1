"""The NixOS module's network is made once, as its options say, and one that they do not describe is no silent one."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "nix/nixos/network.sh"
#: What an engine says of a network that it has.
FOUND = {
    "docker": '[{"Name": "booksync-network", "IPAM": {"Config": [{"Subnet": "%s", "Gateway": "172.30.85.1"}]}}]',
    "podman": '[{"name": "booksync-network", "subnets": [{"subnet": "%s", "gateway": "172.30.85.1"}]}]',
}
CREATED = {
    "docker": "network create --driver bridge --opt com.docker.network.bridge.name=booksync0"
    " --subnet 172.30.85.0/24 --gateway 172.30.85.1 booksync-network",
    "podman": "network create --driver bridge --interface-name booksync0"
    " --subnet 172.30.85.0/24 --gateway 172.30.85.1 booksync-network",
}


def run(engine: str, programs: Path, *, subnet: str = "") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script with an engine that has a network of this subnet, or none; return what it was asked to make."""
    shell, stand_in = programs / "sh", programs / engine
    found, asked = programs.parent / "found", programs.parent / "asked"
    found.write_text(FOUND[engine] % subnet)
    asked.write_text("")
    inspect = f'cat "{found}"' if subnet else "exit 1"
    stand_in.write_text(f'#!{shell}\nif [ "$2" = inspect ]; then {inspect}; else echo "$*" >>"{asked}"; fi\n')
    stand_in.chmod(0o755)
    variables = {"ENGINE": engine, "SUBNET": "172.30.85", "BRIDGE": "booksync0", "PATH": str(programs)}
    done = subprocess.run([shell, SCRIPT], env=variables, capture_output=True, text=True, check=False)
    return done, asked.read_text().splitlines()


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_network_is_made_once(engine: str, programs: Path) -> None:
    done, asked = run(engine, programs)
    assert (done.returncode, done.stderr, asked) == (0, "", [CREATED[engine]])
    done, asked = run(engine, programs, subnet="172.30.85.0/24")
    assert (done.returncode, done.stderr, asked) == (0, "", [])


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_network_of_another_subnet_is_said(engine: str, programs: Path) -> None:
    done, asked = run(engine, programs, subnet="172.30.8.0/24")
    assert (done.returncode, asked) == (1, [])
    assert "expected the subnet 172.30.85.0/24" in done.stderr
    assert f"{engine} network rm booksync-network" in done.stderr
