"""Many connections at once, in one thread: what the fuzzer and the soak send by."""

import contextlib
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_CHUNK: Final = 2**18
_OLDEST_S: Final = 2.0
"""An idle connection that is older is not used again: the service may be ending it."""
_LOOK_S: Final = 0.05


class Shot(NamedTuple):
    """Bytes to send, and what is to come of them."""

    content: bytes
    label: str
    answers: int = 1
    """How many requests they hold."""
    sound: bool = True
    """Where each request ends is beyond doubt, so that each has an answer."""
    leave_s: float | None = None
    """After so long without an answer we leave; None to see the service end it."""
    is_head: bool = False
    """It is a HEAD: answers have no body."""
    ids: tuple[str, ...] = ()
    """The X-Request-Id of each of them, which its answer has, too."""
    segments: tuple[int, ...] = ()
    """Bytes of each part that is sent by itself; what is left is sent after them."""
    half_close: bool = False
    """Once it is sent, we say that we send no more."""


class Reply(NamedTuple):
    """One answer."""

    status: int
    head: bytes
    content: bytes


@dataclass(slots=True, eq=False)
class Finished:
    """What became of a shot."""

    shot: Shot
    due: float
    """When it was to be sent."""
    replies: list[Reply]
    ended: bool
    """The service ended the connection."""
    hung: bool
    """It did not, nor answer, for as long as we waited."""
    at: float
    left: bool = False
    """We did not wait for it."""


@dataclass(slots=True, eq=False)
class _Wire:
    socket: socket.socket
    shot: Shot | None = None
    due: float = 0.0
    began: float = 0.0
    """When it was sent, or when the connection became idle."""
    heard: float = 0.0
    """When the last of an answer has come."""
    received: bytes = b""
    segments: list[int] = field(default_factory=list)
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    replies: list[Reply] = field(default_factory=list)


class Client:
    """Connections to one port, each with one shot under way."""

    def __init__(self, port: int, most: int, patience_s: float) -> None:
        """Open up to `most` connections, and wait so long for an answer."""
        self._port, self._most, self._patience_s = port, most, patience_s
        self._epoll = select.epoll()
        self._wires: dict[int, _Wire] = {}
        self._idle: deque[_Wire] = deque()
        self._finished: list[Finished] = []
        self._looked = 0.0
        self._asked = 0

    @property
    def has_room(self) -> bool:
        """Tell whether another shot may be sent."""
        return bool(self._idle) or len(self._wires) < self._most

    @property
    def under_way(self) -> int:
        """How many shots wait for their answers, or for their end."""
        return len(self._wires) - len(self._idle)

    @property
    def asked(self) -> int:
        """How many of those will have answers soon: of the others nobody knows."""
        return self._asked

    def send(self, shot: Shot, due: float | None = None) -> None:
        """Send a shot on a connection that is free, or on a new one."""
        now = time.perf_counter()
        wire = None
        while self._idle and wire is None:
            wire = self._idle.pop()
            if now - wire.began > _OLDEST_S:
                self._close(wire)
                wire = None
        wire = wire or self._connect()
        wire.shot, wire.due, wire.began = shot, now if due is None else due, now
        wire.replies, wire.received, wire.segments = [], b"", [*shot.segments]
        self._asked += shot.sound
        self._write(wire, memoryview(shot.content))

    def collect(self, timeout_s: float) -> list[Finished]:
        """Wait for answers at most so long, and return the shots that are done."""
        events = self._epoll.poll(0)
        if not events and timeout_s > 0:
            # epoll's own timeout is in whole milliseconds; that of select is not
            select.select([self._epoll], [], [], timeout_s)
            events = self._epoll.poll(0)
        for descriptor, event in events:
            wire = self._wires.get(descriptor)
            if wire is None:
                continue
            if event & select.EPOLLOUT:
                self._write(wire, wire.unsent)
            if event & ~select.EPOLLOUT and descriptor in self._wires:
                self._read(wire)
        now = time.perf_counter()
        if now - self._looked > _LOOK_S:
            self._looked = now
            self._look(now)
        finished, self._finished = self._finished, []
        return finished

    def drop_idle(self) -> None:
        """Close what nobody waits on."""
        while self._idle:
            self._close(self._idle.pop())

    def close(self) -> None:
        """Leave."""
        for wire in list(self._wires.values()):
            self._close(wire)
        self._epoll.close()

    def _connect(self) -> _Wire:
        connected = socket.create_connection(("127.0.0.1", self._port), timeout=self._patience_s)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)  # noqa: FBT003 - the standard library's own
        wire = _Wire(connected)
        self._wires[connected.fileno()] = wire
        self._epoll.register(connected.fileno(), select.EPOLLIN)
        return wire

    def _close(self, wire: _Wire) -> None:
        del self._wires[wire.socket.fileno()]
        wire.socket.close()

    def _write(self, wire: _Wire, content: memoryview) -> None:
        end = min(wire.segments[0], len(content)) if wire.segments else len(content)
        try:
            sent = wire.socket.send(content[:end])
        except BlockingIOError:
            sent = 0
        except OSError:
            # it refused before it had read all; what it said can be read still
            sent = len(content)
        if wire.segments:
            wire.segments[0] -= sent
            if wire.segments[0] <= 0:
                del wire.segments[0]
        if sent == len(content) and wire.shot is not None and wire.shot.half_close:
            with contextlib.suppress(OSError):
                wire.socket.shutdown(socket.SHUT_WR)
        if sent < len(content) or wire.unsent:
            wire.unsent = content[sent:]
            writing = select.EPOLLOUT if wire.unsent else 0
            self._epoll.modify(wire.socket.fileno(), select.EPOLLIN | writing)

    def _read(self, wire: _Wire) -> None:
        try:
            chunk = wire.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._finish(wire, ended=True)
            return
        wire.received += chunk
        wire.heard = time.perf_counter()
        shot = wire.shot
        closing = shot is not None and self._take(wire, shot)
        if shot is not None and shot.sound and len(wire.replies) >= shot.answers:
            self._finish(wire, ended=closing)

    def _take(self, wire: _Wire, shot: Shot) -> bool:
        """Take the answers that have come; True where the last one says that it is that."""
        closing = False
        while True:
            head, end, rest = wire.received.partition(b"\r\n\r\n")
            if not end:
                return closing
            lowered = head.lower()
            at = lowered.find(b"\r\ncontent-length: ")
            length = 0
            if at >= 0 and not shot.is_head:
                length = int(lowered[at + 18 :].partition(b"\r")[0])
            if len(rest) < length:
                return closing
            wire.received = rest[length:]
            status = int(head[9:12])
            if status >= 200:
                wire.replies.append(Reply(status, head, rest[:length]))
                closing = b"\r\nconnection: close" in lowered

    def _finish(self, wire: _Wire, *, ended: bool, hung: bool = False, left: bool = False) -> None:
        now = time.perf_counter()
        shot, wire.shot = wire.shot, None
        if shot is not None:
            self._asked -= shot.sound
            self._finished.append(Finished(shot, wire.due, wire.replies, ended, hung, now, left))
        is_over = ended or hung or left or shot is None or shot.half_close or not shot.sound
        if is_over or wire.received or wire.unsent:
            if wire in self._idle:
                self._idle.remove(wire)
            self._close(wire)
        else:
            wire.began = now
            self._idle.append(wire)

    def _look(self, now: float) -> None:
        """End what has taken too long, and leave where that was the plan."""
        for wire in list(self._wires.values()):
            if wire.shot is None:
                continue
            waited = now - wire.began
            if wire.shot.leave_s is not None and waited > wire.shot.leave_s:
                self._finish(wire, ended=False, left=True)
            elif now - max(wire.began, wire.heard) > self._patience_s:
                # an answer is all that was promised to what is cut short
                self._finish(wire, ended=False, hung=wire.shot.sound or not wire.replies)
