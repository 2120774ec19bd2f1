"""Nothing of BookSync's calls anybody outside: what the machine's network card has sent, in all scenarios, says so."""

from booksync_stack.services import ALL, CONTAINERS
from booksync_vm.machine import Machine

GUEST = "10.0.2.15"

#: Names of the stack's own, which the engine asks the network's resolver for while their container is away.
OWN = {"postgres", "auth-api", *ALL}

#: Documentation's own (RFC 5737): called here to see that a call is seen.
NOBODY = "192.0.2.1"


def test_nobody_was_called(deployed: Machine) -> None:
    for container in CONTAINERS.values():
        deployed.fail(f"docker exec {container} timeout 3 bash -c 'exec 3<>/dev/tcp/{NOBODY}/443'")
    called = deployed.calls(GUEST)
    assert f"{NOBODY}:443" in called
    assert called - OWN == {f"{NOBODY}:443"}
