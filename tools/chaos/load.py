"""Connections that ask a service again and again, each a question of its own, one at a time."""

import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tools.testbed.waiting import PATIENCE_S

CHUNK: Final = 2**16


@dataclass(slots=True)
class Load:
    """The load, and what came of it."""

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
