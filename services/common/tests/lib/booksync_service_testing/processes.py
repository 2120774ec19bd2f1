"""A service as a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from booksync_service_testing.serving import PATIENCE

#: What the tests' own environment must not decide.
_KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")


def find_free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def build_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process, which imports what this one does."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables}


def run(service: str, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a service's command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", f"booksync_api_{service}.cli", *arguments],
        env=build_environment(variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def write_uvicorn(directory: Path) -> list[str]:
    """Return the command that the console script `uvicorn` is, wherever that has been installed."""
    script = directory / "uvicorn.py"
    script.write_text("import sys\nfrom uvicorn.main import main\nsys.exit(main())\n")
    return [sys.executable, "-P", str(script)]


@dataclass
class Running:
    """A service that listens on a port."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> list[dict[str, object]]:
        """Return what it has logged, each line a JSON object."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def wait_for(self, path: str, status: int) -> httpx.Response:
        """Ask until the answer has a status.

        :raises AssertionError: it does not come.
        """
        end = time.monotonic() + PATIENCE
        last: object = None
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = httpx.get(f"{self.address}{path}", timeout=PATIENCE)
            except httpx.TransportError as error:
                last = error
            else:
                last = answer.status_code
                if last == status:
                    return answer
            time.sleep(0.05)
        message = f"no {status} from {path}: {last}\n{self.log_path.read_text()}"
        raise AssertionError(message)

    def memory(self, name: str) -> int:
        """Return a figure of the process, in bytes: VmRSS, or its peak VmHWM."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def terminate(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def start(service: str, *arguments: str, log_path: Path, **variables: str) -> Iterator[Running]:
    """Start a service's command line on a free port of the loopback; it is gone after the block."""
    port = find_free_port()
    environment = build_environment({"HOST": "127.0.0.1", "PORT": str(port), **variables})
    command = [sys.executable, "-m", f"booksync_api_{service}.cli", *arguments]
    with log_path.open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            yield Running(process, port, log_path)
        finally:
            process.kill()
