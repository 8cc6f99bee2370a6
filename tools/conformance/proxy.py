"""A server with a fault: a right one, and before it somebody who changes what is asked or told."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.conformance.exchange import Headers, Reply, Server


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, with the headers that the protocol knows."""

    method: str
    path: str
    headers: Headers
    body: bytes


Forward = Callable[[Asked], Reply]
Fault = Callable[[Forward, Asked], Reply]
"""Answers a request, by way of the right server or without; BrokenPipeError: not at all."""

_PASSED_ON = ("content-type", "content-encoding", "inference-header-content-length")


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, answers it by the fault."""

    right: Server
    fault: Fault

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            self._answer(b"".join(self._chunks()))
        else:
            self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()

    def _forward(self, asked: Asked) -> Reply:
        return self.right.ask(asked.method, asked.path, asked.body or None, asked.headers)

    def _answer(self, body: bytes) -> None:
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        try:
            reply = type(self).fault(self._forward, Asked(self.command, self.path, headers, body))
        except BrokenPipeError:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name in _PASSED_ON:
            if name in reply.headers:
                self.send_header(name, reply.headers[name])
        self.send_header("content-length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)


@contextlib.contextmanager
def before(url: str, fault: Fault) -> Iterator[str]:
    """Stand before a right server with a fault; yield where."""
    members = {"right": Server(url), "fault": staticmethod(fault)}
    handler = type("Faulty", (_Handler,), members)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
