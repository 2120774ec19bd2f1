"""A family at the three APIs, from outside the machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from booksync_stack.services import PORTS
from booksync_testing.web import free_port
from booksync_vm.machine import Machine

PASSWORD = "correct horse battery"
V1 = "/api/v1"

#: Of an answer, on an emulated processor, where bcrypt alone takes seconds.
ANSWER_SECONDS = 120

#: How long another service may believe in a session that has ended.
FORGOTTEN_SECONDS = 5

Json = Any


@dataclass(frozen=True)
class Member:
    """Somebody who is signed in."""

    id: str
    username: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request of theirs has."""
        return {"Authorization": f"Bearer {self.access_token}"}


class Household:
    """A family's devices: clients of the machine's published ports."""

    def __init__(self, machine: Machine) -> None:
        ports = {service: free_port() for service in PORTS}
        for service, port in ports.items():
            machine.forward_port(port, PORTS[service])
        self.addresses = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
        self.auth, self.data, self.prediction = (
            httpx.Client(base_url=address, timeout=ANSWER_SECONDS) for address in self.addresses.values()
        )

    @property
    def clients(self) -> dict[str, httpx.Client]:
        """Those who are asked, by the service's name."""
        return {"auth": self.auth, "data": self.data, "prediction": self.prediction}

    def create(self, username: str, *, by: Member | None = None, **more: object) -> Member:
        """Make a profile and sign in; the first is made by nobody."""
        body = {"username": username, "password": PASSWORD, **more}
        expect(201, self.auth.post(f"{V1}/users", json=body, headers=by.headers if by else {}))
        return self.log_in(username)

    def log_in(self, username: str) -> Member:
        """Sign in."""
        body = {"username": username, "password": PASSWORD}
        answer = expect(200, self.auth.post(f"{V1}/auth/login", json=body))
        return Member(answer["user"]["id"], username, answer["access_token"], answer["refresh_token"])

    def join(self, username: str) -> Member:
        """Sign in, where nobody is yet as the first profile."""
        if any(profile["username"] == username for profile in self.profiles()):
            return self.log_in(username)
        return self.create(username)

    def profiles(self) -> list[Json]:
        """Return what the app shows before anybody has signed in."""
        return list(expect(200, self.auth.get(f"{V1}/users")))

    def is_ready(self, service: str) -> bool:
        """Tell whether a service says that it can work."""
        try:
            return self.clients[service].get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False


def expect(status: int, response: httpx.Response) -> Json:
    """Return what a response says.

    :raises AssertionError: its status is another one
    """
    assert response.status_code == status, f"{response.request.method} {response.url}: {response.text}"
    return response.json() if response.content else None


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a problem (RFC 9457)."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def wait_until_true(is_done: Callable[[], bool], *, what: str, seconds: float) -> None:
    """Ask again and again; once also after so many seconds, as an answer may take as long as it likes.

    :raises AssertionError: it never was
    """
    deadline = time.monotonic() + seconds
    while True:
        is_last = time.monotonic() > deadline
        if is_done():
            return
        assert not is_last, f"not after {seconds:g} s: {what}"
        time.sleep(0.2)
