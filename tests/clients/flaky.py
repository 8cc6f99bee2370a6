"""A server that fails as it is told to, and then answers: real sockets, real HTTP."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

FORECAST = {
    "model": "default", "version": 3, "target": "close", "forecast_date": None,
    "sessions_missing": None, "last_price": 100.0, "prediction": 100, "naive": 100.0,
    "intervals": [], "calibration": None, "novelty": None, "warnings": [],
    "skill": {
        "mae_skill_vs_naive": 0.0, "crps_skill_vs_garch": None, "coverage_90": None,
        "forecasts": 1,
    },
}  # fmt: skip


class Reply(NamedTuple):
    """What is answered once; without a status the connection is cut."""

    status: int | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: Any = FORECAST
    after_s: float = 0


BUSY = {
    "type": "urn:nextday:problem:too_busy",
    "title": "Service overloaded",
    "status": 503,
    "detail": "too many requests wait already; try again in a moment",
    "code": "too_busy",
}


class Flaky(ThreadingHTTPServer):
    """Gives the replies in turn, and a forecast ever after."""

    daemon_threads = True

    def __init__(self, replies: Sequence[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.asked_at: list[float] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Flaky

    def do_POST(self) -> None:
        self.server.asked_at.append(time.monotonic())
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, content))
        reply = self.server.replies.pop(0) if self.server.replies else Reply(200)
        time.sleep(reply.after_s)
        if reply.status is None:
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def flaky(*replies: Reply) -> Iterator[Flaky]:
    """Serve for a while."""
    with Flaky(replies) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
