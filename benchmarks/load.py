"""
A load client: one process, non-blocking sockets, nothing but the standard library.

    python -m benchmarks.load http://127.0.0.1:8000/predict --body docs/example.json \
        --connections 16 --seconds 5 [--rate 2000]

Without a rate the loop is closed: each connection sends its next request when its answer is
there. With one it is open: so many requests a second are due, evenly spaced, and latency counts
from the moment at which a request was due. One that finds no connection free waits, and its wait
counts, so that a server that stops answering for a while cannot hide it.

Prints what it found as JSON. `busy` is the share of the time in which the client itself worked:
near 1 the client was the limit, not the server. Whoever gets no answer within ten seconds of
the end is counted as unanswered.
"""

import argparse
import contextlib
import dataclasses
import gc
import json
import math
import resource
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.answered import OK, Answered, Latency

PATIENCE_S: Final = 10
"""How long after the end answers are waited for."""

_SETTLE_S: Final = 0.5
"""
Between connecting and the first request.

A busy server that takes one new connection a turn would leave the last of them waiting for
seconds, and that is not measured here.
"""

_CHUNK: Final = 2**18
_SECOND_NS: Final = 10**9


class NoAnswer(Exception):
    """The server has gone, or speaks an HTTP that this client does not know."""


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    due: int = 0
    """When the request under way was due, in ns; 0 where none is."""
    received: bytes = b""
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))


class Client:
    """Connections to one server, which all post the same body."""

    def __init__(self, url: str, body: bytes, connections: int) -> None:
        """Connect them all, and let the server take them."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._request = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        # last in, first out, as pools of connections are: few of many are used where few suffice
        self._idle: list[_Connection] = []
        self._waiting: deque[int] = deque()
        self._found: dict[int, list[int]] = {}
        self._broken = 0
        self._last = 0
        for _ in range(connections):
            self._connect()
        time.sleep(_SETTLE_S)

    def run(self, seconds: float, rate: float | None = None) -> Answered:
        """Send for so long, wait for what is under way, and say what became of it."""
        gc.disable()
        worked = time.process_time()
        began = time.perf_counter_ns()
        if rate:
            self._open(began, seconds, rate)
        else:
            self._closed(began + int(seconds * _SECOND_NS))
        elapsed = (time.perf_counter_ns() - began) / _SECOND_NS
        worked = time.process_time() - worked
        gc.enable()
        times = {status: sorted(found) for status, found in self._found.items()}
        count = sum(map(len, times.values()))
        lasted = max(self._last - began, 1) / _SECOND_NS
        return Answered(
            seconds=lasted,
            statuses={status: len(found) for status, found in sorted(times.items())},
            broken=self._broken,
            unanswered=len(self._waiting)
            + sum(each.due > 0 for each in self._connections.values()),
            a_second=count / lasted,
            latency=_latency(times.get(OK, ())),
            latency_of_all=_latency(sorted(t for found in times.values() for t in found)),
            busy=worked / elapsed,
        )

    def _closed(self, end: int) -> None:
        for connection in self._take_idle():
            self._send(connection, time.perf_counter_ns())
        while (now := time.perf_counter_ns()) < end:
            self._receive((end - now) / _SECOND_NS)
            for connection in self._take_idle():
                self._send(connection, time.perf_counter_ns())
        self._drain()

    def _open(self, began: int, seconds: float, rate: float) -> None:
        every, count = _SECOND_NS / rate, int(seconds * rate)
        sent = 0
        while sent < count:
            now = time.perf_counter_ns()
            due = min(count, int((now - began) / every) + 1)
            self._waiting.extend(began + int(each * every) for each in range(sent, due))
            sent = due
            self._send_waiting()
            self._receive((began + sent * every - time.perf_counter_ns()) / _SECOND_NS)
        self._drain()

    def _drain(self) -> None:
        deadline = time.perf_counter() + PATIENCE_S
        while (left := deadline - time.perf_counter()) > 0:
            self._send_waiting()
            if len(self._idle) == len(self._connections):
                return
            self._receive(left)

    def _send_waiting(self) -> None:
        while self._waiting and self._idle:
            self._send(self._idle.pop(), self._waiting.popleft())

    def _take_idle(self) -> list[_Connection]:
        taken, self._idle = self._idle, []
        return taken

    def _connect(self) -> None:
        try:
            connected = socket.create_connection(self._address, timeout=PATIENCE_S)
        except OSError as error:
            raise NoAnswer(f"cannot connect to {self._address}: {error}") from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)  # noqa: FBT003 - the standard library's own
        connection = _Connection(connected)
        self._connections[connected.fileno()] = connection
        self._epoll.register(connected.fileno(), select.EPOLLIN)
        self._idle.append(connection)

    def _replace(self, connection: _Connection) -> None:
        """Put a new connection in the place of one that the server has ended."""
        if connection.due:
            self._broken += 1
        else:
            with contextlib.suppress(ValueError):
                self._idle.remove(connection)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        self._connect()

    def _send(self, connection: _Connection, due: int) -> None:
        connection.due = due
        self._write(connection, memoryview(self._request))

    def _write(self, connection: _Connection, content: memoryview) -> None:
        try:
            sent = connection.socket.send(content)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._replace(connection)
            return
        if sent < len(content) or connection.unsent:
            connection.unsent = content[sent:]
            writing = select.EPOLLOUT if connection.unsent else 0
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | writing)

    def _receive(self, timeout_s: float) -> None:
        """Wait for answers and take them."""
        events = self._epoll.poll(0)
        if not events and timeout_s > 0:
            # epoll's own timeout is in whole milliseconds; that of select is not
            select.select([self._epoll], [], [], timeout_s)
            events = self._epoll.poll(0)
        for descriptor, event in events:
            connection = self._connections.get(descriptor)
            if connection is None:
                continue
            if event & select.EPOLLOUT:
                self._write(connection, connection.unsent)
            if event & ~select.EPOLLOUT:
                self._read(connection)

    def _read(self, connection: _Connection) -> None:
        try:
            chunk = connection.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._replace(connection)
            return
        content = connection.received + chunk if connection.received else chunk
        end = content.find(b"\r\n\r\n")
        if end < 0:
            connection.received = content
            return
        head = content[:end].lower()
        if not _is_whole(content, end + 4, head):
            connection.received = content
            return
        self._last = now = time.perf_counter_ns()
        status = int(head[9:12])
        try:
            self._found[status].append(now - connection.due)
        except KeyError:
            self._found[status] = [now - connection.due]
        connection.due = 0
        connection.received = b""
        if b"\r\nconnection: close" in head:
            self._replace(connection)
        else:
            self._idle.append(connection)


def _is_whole(content: bytes, start: int, head: bytes) -> bool:
    """Tell whether the body of an answer, which begins at `start`, is there."""
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        end = head.find(b"\r\n", at + 2)
        return len(content) >= start + int(head[at + 17 : end if end > 0 else None])
    if b"\r\ntransfer-encoding: chunked" in head:
        # one answer at a time is on its way, so what ends like one is the end
        return content.endswith(b"0\r\n\r\n")
    raise NoAnswer("an answer came with neither Content-Length nor chunks")


def _latency(times: Sequence[int]) -> Latency | None:
    if not times:
        return None
    # the nearest rank: a time that was measured
    p50, p99, p999 = (
        times[math.ceil(share * len(times)) - 1] / 10**6 for share in (0.5, 0.99, 0.999)
    )
    return Latency(p50, p99, p999)


def main() -> None:
    """Put load on a server."""
    parser = argparse.ArgumentParser(description="Post one body to a server, again and again.")
    parser.add_argument("url")
    parser.add_argument("--body", type=Path, required=True, help="a file of JSON")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, help="requests a second; a closed loop without it")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        client = Client(options.url, options.body.read_bytes(), options.connections)
        answered = client.run(options.seconds, options.rate)
    except NoAnswer as error:
        sys.exit(str(error))
    print(json.dumps(dataclasses.asdict(answered)))


if __name__ == "__main__":
    main()
