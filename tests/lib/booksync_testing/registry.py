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
from booksync_testing.web import free_port

START_LIMIT_S = 30


def configure(address: str, storage: str, *, tls: bool = False) -> str:
    """Write the configuration of a docker-registry.

    :param address: where it listens, as `HOST:PORT`
    :param storage: its folder
    :param tls: serve the certificate of the tests
    """
    # a proxy before it has another port: upload locations must not name the registry's
    http: dict[str, object] = {"addr": address, "relativeurls": True}
    if tls:
        http["tls"] = {"certificate": str(CERTIFICATE), "key": str(KEY)}
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": storage}, "delete": {"enabled": True}},
        "http": http,
    }
    # JSON is YAML
    return json.dumps(settings)


class DockerRegistry:
    """docker-registry with its storage in a folder.

    :param command: argv prefix of docker-registry
    :param tls: serve the certificate of the tests
    """

    def __init__(self, command: Sequence[str], folder: Path, *, tls: bool = False) -> None:
        self.port = free_port()
        self.storage = folder / "storage"
        self._log = (folder / "registry.log").open("ab")
        path = folder / "registry.yml"
        path.write_text(configure(self.address, str(self.storage), tls=tls))
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
