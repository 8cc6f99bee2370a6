"""
Clients that go on sending while the service stops, and what became of each request.

A balanced client goes where a load balancer would: nowhere that `/readyz` is not 200. A stubborn
one sends until nobody listens. Both keep connections open, or open one for each request.
"""

import contextlib
import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.testbed.waiting import until

PATIENCE_S = 20


class CutOff(Exception):
    """An answer began and did not end, or none came in time."""


@dataclass
class Tally:
    """What became of the requests of some clients."""

    answered: int = 0
    closed: int = 0
    """Requests whose connection was closed before a byte of an answer: safe to send again."""
    failed: list[str] = field(default_factory=list)
    last_answer: float = 0.0
    """As `time.monotonic` counts."""
    first_closed: float = math.inf


def exchange(connection: socket.socket, request: bytes) -> tuple[int, bool] | None:
    """
    Return an answer's status and whether the connection stays open; raise CutOff.

    None where the connection was closed before the answer began.
    """
    received = b""
    try:
        connection.sendall(request)
        while (end := _end(received)) is None or len(received) < end:
            content = connection.recv(65536)
            if not content:
                break
            received += content
    except TimeoutError:
        raise CutOff(f"no answer within {PATIENCE_S} s") from None
    except OSError as error:
        if received:
            raise CutOff(f"{error} after {len(received)} bytes") from None
    if not received:
        return None
    if end is None or len(received) < end:
        raise CutOff(f"the answer ended after {len(received)} bytes")
    head = received.split(b"\r\n\r\n", 1)[0].lower()
    return int(head.split()[1]), b"\r\nconnection: close" not in head


def _end(received: bytes) -> int | None:
    """Return the length of an answer, or None where its head is not there yet."""
    head, blank, _ = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return len(head) + len(blank) + int(length[1]) if blank and length else None


def posted(path: str, body: bytes) -> bytes:
    """Return a request."""
    head = f"POST {path} HTTP/1.1\r\nHost: nextday\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


class Traffic:
    """Clients of a service on a port of this machine, in threads."""

    def __init__(self, port: int, body: bytes) -> None:
        self.balanced, self.stubborn = Tally(), Tally()
        self.unready: float | None = None
        """When `/readyz` was first not 200, as `time.monotonic` counts."""
        self.told: tuple[int | None, int | None] | None = None
        """The statuses of `/readyz` and `/livez` then; None for no answer."""
        self._port = port
        self._forecast = posted("/predict", body)
        self._sent_away, self._over = threading.Event(), threading.Event()
        self._counting = threading.Lock()

    @contextlib.contextmanager
    def flowing(self, keeping: int, anew: int, stubborn: int) -> Iterator[None]:
        """Send on so many connections kept open, one after another anew, and stubbornly."""
        clients = [threading.Thread(target=self._balance)]
        for tally, over, kept, count in (
            (self.balanced, self._sent_away, True, keeping),
            (self.balanced, self._sent_away, False, anew),
            (self.stubborn, self._over, True, stubborn),
        ):
            clients += [
                threading.Thread(target=self._send, args=(tally, over, kept)) for _ in range(count)
            ]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._sent_away.set()
            self._over.set()
            for client in clients:
                client.join()

    def wait_until_answered(self, requests: int) -> None:
        until(lambda: self.balanced.answered >= requests, f"{requests} answers")

    def _balance(self) -> None:
        """Ask ten times a second whether the service is ready; send everybody away when not."""
        while not self._sent_away.wait(0.1):
            ready = self._status("/readyz")
            if ready != 200:
                self.unready = time.monotonic()
                self._sent_away.set()
                self.told = (ready, self._status("/livez"))

    def _status(self, path: str) -> int | None:
        """Ask on a connection of its own; None where there is no answer."""
        request = f"GET {path} HTTP/1.1\r\nHost: nextday\r\nConnection: close\r\n\r\n".encode()
        try:
            with connected(self._port) as connection:
                answer = exchange(connection, request)
        except (OSError, CutOff):
            return None
        return answer[0] if answer else None

    def _send(self, tally: Tally, over: threading.Event, kept: bool) -> None:  # noqa: FBT001 - a thread's argument
        while not over.is_set():
            try:
                with connected(self._port) as connection:
                    while self._answered(tally, connection) and kept and not over.is_set():
                        pass
                if tally.closed:
                    # there is nobody behind the port any more
                    time.sleep(0.05)
            except ConnectionRefusedError as error:
                if tally is self.stubborn:
                    return
                self._count(tally, f"{error}")
                time.sleep(0.05)
            except (OSError, CutOff) as error:
                self._count(tally, f"{type(error).__name__}: {error}")

    def _answered(self, tally: Tally, connection: socket.socket) -> bool:
        """Send one request; return whether the next may go the same way."""
        answer = exchange(connection, self._forecast)
        with self._counting:
            if answer is None:
                tally.closed += 1
                tally.first_closed = min(tally.first_closed, time.monotonic())
            elif answer[0] == 200:
                tally.answered += 1
                tally.last_answer = time.monotonic()
            else:
                tally.failed.append(f"status {answer[0]}")
        return answer is not None and answer[1]

    def _count(self, tally: Tally, failure: str) -> None:
        with self._counting:
            tally.failed.append(failure)
