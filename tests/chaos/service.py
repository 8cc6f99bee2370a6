"""The service as a process of its own, and a client that keeps every different answer."""

import contextlib
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CHUNK: Final = 2**16
PATIENCE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a path."""
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        ) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def resident_mib(self) -> float:
        """Return how much memory the process has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def serving(models: Path, *, poll_s: float) -> Iterator[Service]:
    """Run the service over a folder of models, on a core of its own where there are two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {  # noqa: TID251 - handed on
        "NEXTDAY_MODELS": str(models),
        "NEXTDAY_PORT": str(port),
        "NEXTDAY_POLL_SECONDS": str(poll_s),
        "NEXTDAY_LOG_LEVEL": "error",
        "NEXTDAY_REQUEST_LOG": "false",
    }
    first, *others = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, {first}),  # noqa: PLW1509 - no threads yet
    )
    if others:
        os.sched_setaffinity(0, set(others))
    service = Service(port, process)
    try:
        _wait(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        process.kill()
        os.sched_setaffinity(0, {first, *others})


def _wait(service: Service) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if service.get("/readyz")[0] == 200:
                return
        time.sleep(0.05)
    raise TimeoutError("the service was not ready in time")


@dataclass(slots=True)
class Load:
    """Connections that ask again and again, each a question of its own, one at a time."""

    port: int
    bodies: Sequence[bytes]
    connections: int
    answers: Counter[tuple[int, int, bytes]] = field(default_factory=Counter)
    """How often a question, by its place, had a status and a body."""
    latencies: list[float] = field(default_factory=list)
    """In seconds."""
    lost: int = 0
    """Connections that ended with a question open."""

    def run(self, more: Callable[[], bool]) -> None:
        """Ask for as long as there is to be more."""
        epoll = select.epoll()
        open_: dict[int, _Asking] = {}
        for number in range(self.connections):
            self._connect(epoll, open_, number % len(self.bodies))
        while open_:
            go_on = more()
            for descriptor, _ in epoll.poll(1):
                asking = open_[descriptor]
                if not self._read(asking, more=go_on):
                    epoll.unregister(descriptor)
                    del open_[descriptor]
                    asking.socket.close()
                    if go_on:
                        self._connect(epoll, open_, asking.question)

    def _connect(self, epoll: select.epoll, open_: "dict[int, _Asking]", question: int) -> None:
        connected = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking = _Asking(connected, question)
        open_[connected.fileno()] = asking
        epoll.register(connected.fileno(), select.EPOLLIN)
        self._ask(asking)

    def _ask(self, asking: "_Asking") -> None:
        body = self.bodies[asking.question]
        head = (
            "POST /predict HTTP/1.1\r\nHost: chaos\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        asking.asked = time.perf_counter()
        asking.socket.sendall(head.encode() + body)

    def _read(self, asking: "_Asking", *, more: bool) -> bool:
        """Take what has come; False where the connection has ended, or nothing more is asked."""
        try:
            chunk = asking.socket.recv(CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            self.lost += 1
            return False
        asking.received += chunk
        head, end, content = asking.received.partition(b"\r\n\r\n")
        if not end:
            return True
        lines = head.lower().split(b"\r\n")
        [length] = [int(line[16:]) for line in lines if line.startswith(b"content-length: ")]
        if len(content) < length:
            return True
        self.latencies.append(time.perf_counter() - asking.asked)
        self.answers[asking.question, int(lines[0].split()[1]), content] += 1
        asking.received = b""
        if not more or b"connection: close" in lines:
            return False
        self._ask(asking)
        return True


@dataclass(slots=True)
class _Asking:
    socket: socket.socket
    question: int
    asked: float = 0.0
    received: bytes = b""
