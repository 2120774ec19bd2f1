"""What nginx meets in a container's network: a server of names, and APIs, which say what they were asked."""

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

#: Docker's server of names.
NAME_SERVER = ("127.0.0.11", 53)


class NameServer:
    """Answers questions for an A record (RFC 1035) from a table."""

    def __init__(self) -> None:
        """Begin with no names."""
        self.addresses: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._socket.bind(NAME_SERVER)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # an empty datagram ends the thread
        self._socket.sendto(b"", NAME_SERVER)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            self._socket.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        labels, place = [], 12
        while length := question[place]:
            labels.append(question[place + 1 : place + 1 + length].decode())
            place += 1 + length
        asked = question[12 : place + 5]
        address = self.addresses.get(".".join(labels))
        flags = 0x8180 if address else 0x8183  # an answer; or: no such name
        header = question[:2] + struct.pack("!5H", flags, 1, 1 if address else 0, 0, 0)
        if address is None:
            return header + asked
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 600, 4) + socket.inet_aton(address)
        return header + asked + record


class _Server(ThreadingHTTPServer):
    # with socketserver's five, a connection of twenty at once may wait seconds for its turn
    request_queue_size = 128


class Api:
    """Answers every request with what it was: its own name, the method, the path, the headers and the body's length."""

    def __init__(self, name: str, address: str, port: int) -> None:
        """Listen; serves in its context."""
        #: Cleared, requests wait.
        self.is_open = threading.Event()
        self.is_open.set()
        #: Set when a request's head is there.
        self.is_asked = threading.Event()
        self._server = _Server((address, port), self._make_handler(name))
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _make_handler(self, name: str) -> type[BaseHTTPRequestHandler]:
        is_open, is_asked = self.is_open, self.is_asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                is_asked.set()
                body = self._read_body()
                is_open.wait()
                status = int(self.headers.get("X-Wanted-Status", "200"))
                self._send(
                    status,
                    {
                        "name": name,
                        "method": self.command,
                        "path": self.path,
                        "headers": {key.lower(): value for key, value in self.headers.items()},
                        "bytes": body,
                    },
                )

            def _read_body(self) -> int:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return len(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                total = 0
                while size := int(self.rfile.readline(), 16):
                    total += len(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return total

            def _send(self, status: int, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server finds them so

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
