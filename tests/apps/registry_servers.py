"""A real registry on loopback: Debian's docker-registry."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from booksync_apps.registry import MANIFEST_TYPES
from booksync_testing.certificate import CERTIFICATE, KEY

START_LIMIT_S = 30


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class DockerRegistry:
    """docker-registry with its storage in a folder.

    :param command: argv prefix of docker-registry
    :param tls: serve the certificate of the tests
    """

    def __init__(self, command: Sequence[str], folder: Path, *, tls: bool = False) -> None:
        self.port = free_port()
        self.storage = folder / "storage"
        self._log = (folder / "registry.log").open("ab")
        configuration = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            # the proxy has another port than the registry: upload locations must not name the registry's
            "http": {"addr": self.address, "relativeurls": True}
            | (
                {
                    "tls": {
                        "certificate": str(CERTIFICATE),
                        "key": str(KEY),
                    }
                }
                if tls
                else {}
            ),
        }
        # JSON is YAML
        path = folder / "registry.yml"
        path.write_text(json.dumps(configuration))
        self._process = subprocess.Popen([*command, "serve", path], stdout=self._log, stderr=self._log)
        self._wait()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fetch(self, path: str) -> bytes:
        """Return what it answers: `family/NAME/manifests/TAG`, `family/NAME/blobs/DIGEST`."""
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", headers={"Accept": MANIFEST_TYPES})
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            content: bytes = answer.read()
            return content

    def tags(self, repository: str) -> list[str]:
        """List a repository's tags, from its storage."""
        folder = self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []

    def tagged(self, repository: str, tag: str) -> str:
        """Return the digest that a tag points to, from the registry's storage."""
        folder = self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return (folder / tag / "current/link").read_text()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"docker-registry did not start: {Path(self._log.name).read_text()}")
