"""One address with TLS before the three APIs: nginx as compose runs it, Debian's in the place of the hub's image."""

import os
import ssl
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from booksync_stack.deployment import COMPOSE, FOLDER
from booksync_stack.household import ANSWER_SECONDS, PASSWORD, V1, Household, expect
from booksync_stack.loading import Client
from booksync_stack.services import ALL, PORTS, wait_until
from booksync_testing.certificate import CERTIFICATE, KEY
from booksync_testing.web import free_port
from booksync_vm.machine import Machine
from booksync_vm.subtests import subtest

NGINX = "booksync-nginx"
IMAGE = "debian-nginx:latest"

#: What compose's health check runs, and nginx's packages do not have.
APPLETS = ("sh", "wget")
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}


def write_root(archive: Path) -> None:
    """Write a tar of Debian's nginx, with busybox beside it; all of it is root's."""

    def own(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        return entry

    def link(tar: tarfile.TarFile, name: str, target: str) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        tar.addfile(entry)

    with tarfile.open(archive, "w") as tar:
        tar.add(f"{os.environ['BOOKSYNC_NGINX_ROOT']}/usr", "usr", filter=own)
        tar.add(os.environ["BOOKSYNC_BUSYBOX"], "usr/bin/busybox", filter=own)
        for name, target in {**LINKS, **{f"usr/bin/{applet}": "busybox" for applet in APPLETS}}.items():
            link(tar, name, target)


@pytest.fixture(scope="module")
def address(deployed: Machine, client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Turn nginx on as an operator does, and return its address; afterwards all is as it was."""
    archive = tmp_path_factory.mktemp("nginx") / "root.tar"
    write_root(archive)
    client.import_root(archive, IMAGE)
    deployed.copy_from_host(str(CERTIFICATE), f"{FOLDER}/nginx/tls/certificate.pem")
    deployed.copy_from_host(str(KEY), f"{FOLDER}/nginx/tls/key.pem")
    deployed.succeed(
        f"chown 65532 {FOLDER}/nginx/tls/key.pem",
        f"cp -p {FOLDER}/.env {FOLDER}/.env.before",
        f"printf 'COMPOSE_PROFILES=nginx\\nNGINX_IMAGE={IMAGE}\\n' >> {FOLDER}/.env",
        f"{COMPOSE} up --detach 2>&1",
    )
    wait_until(deployed, "healthy", [*ALL, NGINX])
    port = free_port()
    deployed.forward_port(port, 443)
    yield f"https://127.0.0.1:{port}"
    deployed.succeed(
        f"{COMPOSE} rm --stop --force nginx 2>&1",
        f"mv {FOLDER}/.env.before {FOLDER}/.env",
        f"rm {FOLDER}/nginx/tls/*.pem",
    )


def test_one_address_for_all(address: str, household: Household) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    with httpx.Client(base_url=address, verify=context, timeout=ANSWER_SECONDS) as outside:
        with subtest("each API has its root there"):
            roots = {"auth": "/auth", "data": "/data", "prediction": "/predict"}
            assert roots.keys() == PORTS.keys()
            said = {name: expect(200, outside.get(f"{root}/health"))["service"] for name, root in roots.items()}
            assert said == {name: f"booksync-api-{name}" for name in PORTS}

        with subtest("somebody signs in and works there, and the APIs hear from where"):
            member = household.join("Claire")
            body = {"username": "Claire", "password": PASSWORD}
            lie = {"X-Forwarded-For": "203.0.113.9"}
            token = expect(200, outside.post(f"{V1}/auth/login", json=body, headers=lie))["access_token"]
            outside.headers["Authorization"] = f"Bearer {token}"
            assert expect(200, outside.get(f"{V1}/users/me"))["id"] == member.id
            assert expect(200, outside.get("/data/api/v1/me/volumes"))["items"] is not None
            sessions = expect(200, outside.get(f"{V1}/auth/sessions"))
            addresses = {session["ip"] for session in sessions}
            # the same as without nginx, and neither its own nor what a client says of itself
            assert len(addresses) == 1, addresses

        with subtest("figures stay inside"):
            assert outside.get("/auth/metrics").status_code == 404
