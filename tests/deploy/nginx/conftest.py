"""nginx with the configuration as it stands, in a network with names like Docker's and stand-ins of the three APIs."""

import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from booksync_testing.certificate import CERTIFICATE, KEY
from booksync_testing.compose import DEPLOY
from booksync_testing.network import enter_own_network
from booksync_testing.sandbox import load_tools
from booksync_testing.upstreams import Api, NameServer
from booksync_testing.waiting import wait_until

TMP = "/tmp"  # noqa: S108 - inside the sandbox
ADDRESS = "https://127.0.0.1:8443"
PORTS = {"auth-api": 8000, "data-api": 8001, "prediction-api": 8002}
START_SECONDS = 60


@pytest.fixture(scope="session", autouse=True)
def network() -> None:
    """Leave the machine's network."""
    enter_own_network()


@pytest.fixture(scope="session")
def command() -> list[str]:
    """Return the words that run nginx as a container would: an unknown user, and nothing to write to but /tmp."""
    options = ["--unshare-user", "--uid", "65532", "--gid", "65532", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    options += ["--cap-drop", "ALL", "--die-with-parent", "--tmpfs", "/", "--dev", "/dev", "--proc", "/proc"]
    options += ["--ro-bind", f"{os.environ['BOOKSYNC_NGINX_ROOT']}/usr", "/usr", "--tmpfs", TMP]
    for folder in ("lib", "lib64"):
        options += ["--symlink", f"usr/{folder}", f"/{folder}"]
    for source, name in (
        (DEPLOY / "nginx/nginx.conf", "nginx.conf"),
        (CERTIFICATE, "tls/certificate.pem"),
        (KEY, "tls/key.pem"),
    ):
        options += ["--ro-bind", str(source.resolve()), f"/etc/nginx/{name}"]
    options += ["--remount-ro", "/", "--clearenv"]
    return [*load_tools().command("bwrap"), *options, "--", "/usr/sbin/nginx", "-e", "/dev/stderr"]


@pytest.fixture(scope="session")
def names() -> Iterator[NameServer]:
    """Serve names where Docker does."""
    with NameServer() as server:
        yield server


@pytest.fixture(scope="session")
def apis(names: NameServer) -> Iterator[dict[str, Api]]:
    """Serve stand-ins of the APIs, each on an address of its own."""
    with ExitStack() as stack:
        started = {}
        for number, (name, port) in enumerate(PORTS.items()):
            names.addresses[name] = f"127.0.1.{number}"
            started[name] = stack.enter_context(Api(name, names.addresses[name], port))
        yield started


@pytest.fixture(scope="session")
def log(command: list[str], apis: dict[str, Api]) -> Iterator[Path]:
    """Run nginx before the APIs; return what it writes."""
    assert apis.keys() == PORTS.keys()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        with path.open("wb") as stream:
            nginx = subprocess.Popen([*command, "-g", "daemon off;"], stdout=stream, stderr=stream)

        def has_begun() -> bool:
            assert nginx.poll() is None, path.read_text()
            return is_answering()

        try:
            wait_until(has_begun, what=lambda: f"nginx answers:\n{path.read_text()}", seconds=START_SECONDS)
            yield path
        finally:
            nginx.terminate()
            nginx.wait()


def is_answering() -> bool:
    """Tell whether nginx does."""
    try:
        return httpx.get("http://127.0.0.1:8080/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def trust() -> ssl.SSLContext:
    """Return what a client needs to know of the certificate."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


@pytest.fixture
def client(log: Path, trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    """Return a client of the address with TLS."""
    with httpx.Client(base_url=ADDRESS, verify=trust, trust_env=False, timeout=60) as client:
        yield client
    assert "[alert]" not in log.read_text()
