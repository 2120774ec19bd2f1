"""An HTTP proxy before a registry, on loopback, that counts what it receives, asks for a login, and fails on demand."""

import base64
import contextlib
import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CHUNK = 1 << 16
WAIT_LIMIT_S = 30
HOP_BY_HOP = ("connection", "transfer-encoding", "date", "server")


@dataclass
class Received:
    """One request as the proxy got it.

    :param size: bytes of its body
    :param status: what it answered, 0 for nothing
    """

    method: str
    path: str
    size: int
    agent: str
    status: int = 0


@dataclass(frozen=True)
class Fault:
    """What the proxy does with the requests that it matches, instead of handing them on.

    :param path: a regular expression
    :param status: answer at once with this, with an error body and headers
    :param body: instead of an error
    :param after: be gone for good when so many bytes of the body have come, of a body that is longer
    :param stored: and when so many other blobs have arrived
    :param silent: never answer
    :param without_query: hand it on, but without its query
    :param drip: seconds after each byte of the error body
    :param times: how often, for ever when None
    """

    method: str
    path: str
    status: int = 0
    error: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after: int | None = None
    stored: int = 0
    silent: bool = False
    without_query: bool = False
    drip: float = 0
    times: int | None = None

    def matches(self, method: str, path: str, size: int) -> bool:
        return self.method == method and bool(re.search(self.path, path)) and size > (self.after or -1)


@dataclass
class Login:
    """Credentials that the proxy asks for: at once (basic), or for tokens good for some repositories (bearer)."""

    user: str
    password: str
    scheme: str = "basic"
    #: Authorization header -> repository -> actions
    granted: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def grant(self, scopes: Sequence[str]) -> str:
        """Return a new token for scopes such as `repository:family/x:pull,push`."""
        token = f"token-{len(self.granted)}"
        parts = [scope.split(":") for scope in scopes]
        self.granted[f"Bearer {token}"] = {name: set(actions.split(",")) for _, name, actions in parts}
        return token

    def admits(self, authorization: str, *, action: str, repositories: Sequence[str]) -> bool:
        if self.scheme == "basic":
            return authorization == self.basic
        granted = self.granted.get(authorization)
        return granted is not None and all(
            (action if name == repositories[0] else "pull") in granted.get(name, set()) for name in repositories
        )


class Proxy:
    """The proxy, and what it has seen."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.received: list[Received] = []
        self.faults: list[Fault] = []
        self.login: Login | None = None
        self.dead = False
        self.released = threading.Event()
        self._used: dict[int, int] = {}
        self._changed = threading.Condition()
        self._stored = 0
        self._active = 0
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def body_bytes(self) -> int:
        """All bytes of request bodies that came in."""
        return sum(request.size for request in self.received)

    def uploads(self, digest: str) -> int:
        """How often a blob's bytes came in."""
        return sum(1 for request in self.received if request.size and urllib.parse.quote(digest, "") in request.path)

    def revive(self) -> None:
        """Come back on the same port, without faults, and count from nought."""
        self.faults = []
        self.received = []
        self.dead = False

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def record(self, request: Received) -> None:
        with self._changed:
            self.received.append(request)

    def take_fault(self, method: str, path: str, size: int) -> Fault | None:
        """Return the fault for a request, and count that it was used."""
        with self._changed:
            for fault in self.faults:
                used = self._used.get(id(fault), 0)
                if fault.matches(method, path, size) and (fault.times is None or used < fault.times):
                    self._used[id(fault)] = used + 1
                    return fault
        return None

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Count a request as being worked on."""
        with self._changed:
            self._active += 1
        try:
            yield
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def wait_idle(self) -> None:
        """Wait until no request is being worked on: what its client has given up may still reach the registry."""
        with self._changed:
            self._changed.wait_for(lambda: self._active == 0, timeout=WAIT_LIMIT_S)

    def count_stored(self) -> None:
        with self._changed:
            self._stored += 1
            self._changed.notify_all()

    def wait_stored(self, count: int) -> None:
        """Wait until so many blobs have arrived."""
        with self._changed:
            self._changed.wait_for(lambda: self._stored >= count, timeout=WAIT_LIMIT_S)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def verify_request(self, *_: object) -> bool:
        return not self.proxy.dead

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of these tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = WAIT_LIMIT_S
    server: _Server

    def handle_any(self) -> None:
        with self.server.proxy.active():
            self.handle_request()

    def handle_request(self) -> None:
        proxy = self.server.proxy
        if proxy.dead:
            self.close_connection = True
            return
        size = int(self.headers.get("Content-Length") or 0)
        fault = proxy.take_fault(self.command, self.path, size)
        if fault:
            proxy.wait_stored(fault.stored)
        body = self.read_body(size if fault is None or fault.after is None else fault.after)
        agent = self.headers.get("User-Agent", "")
        self.seen = Received(method=self.command, path=self.path, size=len(body), agent=agent)
        proxy.record(self.seen)
        if fault:
            self.fail(fault, body)
        elif len(body) < size:
            self.close_connection = True
        elif not proxy.login or self.admitted(proxy.login):
            self.forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def read_body(self, size: int) -> bytes:
        body = bytearray()
        while len(body) < size and (chunk := self.rfile.read(min(CHUNK, size - len(body)))):
            body += chunk
        return bytes(body)

    def fail(self, fault: Fault, body: bytes) -> None:
        proxy = self.server.proxy
        if fault.after is not None:
            proxy.dead = self.close_connection = True
        elif fault.silent:
            proxy.released.wait()
            self.close_connection = True
        elif fault.without_query:
            self.path = self.path.partition("?")[0]
            self.forward(body)
        else:
            self.answer(fault.status, fault.body or encode_error(fault.error), fault.headers, drip=fault.drip)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.seen.status = code
        super().send_response(code, message)

    def answer(self, status: int, body: bytes, headers: Sequence[tuple[str, str]] = (), *, drip: float = 0) -> None:
        self.send_response(status)
        if "Content-Type" not in dict(headers):
            headers = [("Content-Type", "application/json"), *headers]
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in [body[at : at + 1] for at in range(len(body))] if drip else [body]:
            self.wfile.write(piece)
            time.sleep(drip)

    def admitted(self, login: Login) -> bool:
        """Answer a token or 401, unless the request carries what is asked for."""
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        sent = self.headers.get("Authorization", "")
        if url.path == "/token" and sent == login.basic:
            self.answer(http.client.OK, json.dumps({"token": login.grant(query.get("scope", []))}).encode())
            return False
        action = "pull" if self.command in ("GET", "HEAD") else "push"
        named = re.match(r"/v2/(.+)/(?:blobs|manifests|tags|referrers)/", url.path)
        repositories = [named.group(1), *query.get("from", [])] if named else []
        if url.path != "/token" and login.admits(sent, action=action, repositories=repositories):
            return True
        challenge = 'Basic realm="tests"'
        if login.scheme == "bearer":
            challenge = f'Bearer realm="http://{self.server.proxy.address}/token",service="tests"'
            if repositories:
                challenge += f',scope="repository:{repositories[0]}:{action}"'
        self.answer(http.client.UNAUTHORIZED, encode_error("UNAUTHORIZED"), [("WWW-Authenticate", challenge)])
        return False

    def forward(self, body: bytes) -> None:
        upstream = http.client.HTTPConnection(self.server.proxy.upstream, timeout=WAIT_LIMIT_S)
        with contextlib.closing(upstream):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            upstream.request(self.command, self.path, body=body or None, headers=headers)
            answer = upstream.getresponse()
            content = answer.read()
        if self.command == "PUT" and answer.status == http.client.CREATED:
            self.server.proxy.count_stored()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if answer.getheader("Content-Length") is None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay quiet: `received` has it."""


def encode_error(code: str) -> bytes:
    """Return an error body of the distribution specification, empty without a code."""
    return json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode() if code else b""
