# The stack that services.booksync runs: a script for nixpkgs' test driver, which brings `machine` and `subtest`.
# ruff: noqa: F821
# mypy: disable-error-code="name-defined"
import json
import shlex

API = {"auth": 8000, "data": 8001, "prediction": 8002}
LEA = {"username": "Léa", "password": "correct horse battery"}
START_S = 600


def curl(address: str, *words: str, body: object = None) -> str:
    """Return a command line that asks, and fails unless the answer is a good one."""
    sent = () if body is None else ("--json", json.dumps(body))
    return shlex.join(["curl", "--silent", "--show-error", "--fail", *words, *sent, address])


def at(service: str, path: str) -> str:
    return f"http://127.0.0.1:{API[service]}{path}"


def wait_until_ready() -> None:
    for service in API:
        machine.wait_until_succeeds(curl(at(service, "/health/ready")), timeout=START_S)


def sign_in() -> list[str]:
    """Return curl's words for requests of somebody who is signed in."""
    answer = json.loads(machine.succeed(curl(at("auth", "/api/v1/auth/login"), body=LEA)))
    return ["--header", f"Authorization: Bearer {answer['access_token']}"]


machine.start()

with subtest("Ensure that every container is healthy"):
    machine.wait_for_unit("booksync-network.service")
    machine.wait_for_unit("podman-booksync_auth_api.service", timeout=START_S)
    wait_until_ready()

with subtest("Ensure that a token of the Auth API is good at the others, and a wrong one is not"):
    machine.succeed(curl(at("auth", "/users"), body=LEA))
    token = sign_in()
    for service, path in (("data", "/api/v1/me/stats"), ("prediction", "/api/v1/models/current")):
        machine.succeed(curl(at(service, path), *token))
        machine.fail(curl(at(service, path), "--header", "Authorization: Bearer wrong"))

with subtest("Ensure that nothing of an image can be written to, and the database is not published"):
    machine.fail("podman exec booksync-api-data touch /usr/changed")
    machine.fail("bash -c '</dev/tcp/127.0.0.1/5432'")
    machine.succeed("test $(stat -c %a /var/lib/booksync) = 700")

with subtest("Ensure that nginx has the APIs at one address"):
    machine.wait_for_open_port(80)
    for place in ("auth", "data", "predict"):
        machine.succeed(curl(f"http://booksync.home/{place}/health", "--resolve", "booksync.home:80:127.0.0.1"))
        machine.fail(curl(f"http://booksync.home/{place}/metrics", "--resolve", "booksync.home:80:127.0.0.1"))

with subtest("Ensure that a database that is killed comes back with what it has acknowledged"):
    machine.succeed("podman kill --signal KILL booksync-postgres")
    machine.wait_until_succeeds("podman exec booksync-postgres pg_isready -q -h 127.0.0.1 -U booksync", timeout=START_S)
    wait_until_ready()
    sign_in()

with subtest("Ensure that all is there again after a power cut"):
    machine.crash()
    machine.start()
    wait_until_ready()
    sign_in()

with subtest("Ensure that a backup is made, and is nobody else's to read"):
    machine.succeed("systemctl start booksync-backup.service")
    machine.succeed("test -s /var/lib/booksync/backups/booksync-*.dump")
    machine.succeed("test $(stat -c %a /var/lib/booksync/backups) = 700")

with subtest("Ensure that a backup has its keys while the Auth API is down"):
    machine.succeed("rm -r /var/lib/booksync/backups/*", "systemctl stop podman-booksync_auth_api.service")
    machine.succeed("systemctl start booksync-backup.service")
    machine.succeed("grep -q ^JWT_SECRET_KEY= /var/lib/booksync/backups/booksync-*.keys")
