"""The program that `nix run .#push` starts: what goes to which stream, its exit codes, and how it is interrupted."""

import signal
import subprocess
from pathlib import Path

from booksync_testing.registry import DockerRegistry
from booksync_testing.waiting import wait_until
from registry_app import Pusher, environment_of, program_command
from registry_layouts import TinyImages
from registry_proxy import Fault, Proxy

AUTH = "booksync-api-auth"
INTERRUPTED = 130
WAIT_S = 20


def run(pusher: Pusher, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program_command(), *arguments], env=environment_of(pusher), capture_output=True, text=True, check=False
    )


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def interrupt(pusher: Pusher, proxy: Proxy, number: signal.Signals) -> tuple[int, str, int]:
    """Send a signal in the middle of an upload; return the exit code, standard error and oras's process id."""
    proxy.faults = [Fault(method="PUT", path="/blobs/uploads/", silent=True)]
    with subprocess.Popen(
        [*program_command(), f"{proxy.address}/family", "--insecure"],
        env=environment_of(pusher),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(
                lambda: any(request.method == "PUT" for request in proxy.received),
                what="an upload is begun",
                seconds=WAIT_S,
            )
            (oras,) = children(process.pid)
            process.send_signal(number)
            _, errors = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    return process.returncode, errors, oras


def test_the_result_goes_to_standard_output_and_the_rest_to_standard_error(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    done = run(pusher, f"{registry.address}/family", "--insecure", "auth")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{registry.address}/family/{AUTH}@{images.digests[AUTH]['digest']}\n"
    assert "bytes sent in" in done.stderr


def test_help_names_the_ways_to_use_it(pusher: Pusher) -> None:
    done = run(pusher, "--help")
    assert done.returncode == 0
    for word in ("REGISTRY/NAMESPACE", "--tag", "--insecure", "docker login", "nix run .#push -- "):
        assert word in done.stdout


def test_exit_codes_tell_usage_from_failure(pusher: Pusher) -> None:
    assert run(pusher).returncode == 2
    assert run(pusher, "host:1/family", "--unknown").returncode == 2
    assert run(pusher, "host:1/family", "nothing").returncode == 2
    assert run(pusher, "127.0.0.1:1/family").returncode == 1


def test_an_error_is_no_traceback(pusher: Pusher) -> None:
    done = run(pusher, "127.0.0.1:1/family", "--insecure")
    assert done.stderr.startswith("push: 127.0.0.1:1: cannot be reached")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_interrupted_push_ends_oras_and_can_be_repeated(pusher: Pusher, proxy: Proxy) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        code, errors, oras = interrupt(pusher, proxy, number)
        assert code == INTERRUPTED
        assert "push: interrupted" in errors
        assert "Traceback" not in errors
        assert not Path(f"/proc/{oras}").exists()
        proxy.revive()
    assert run(pusher, f"{proxy.address}/family", "--insecure").returncode == 0
