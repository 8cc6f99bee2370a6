"""HTTP/2 by hand: streams that each send a part of a gRPC message, which no gRPC client does."""

import socket
import struct
import time
from typing import Final

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW = 0, 1, 3, 4, 6, 8
_ACKNOWLEDGED: Final = 1
_END_HEADERS: Final = 4
_INITIAL_WINDOW: Final = 4
_FRAME_BYTES: Final = 2**14
_HEAD_BYTES: Final = 9


def _frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content) << 8 | kind) + struct.pack(">BI", flags, stream) + content


def _header(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


class PartialMessages:
    """A connection with many calls of one method, each of which announces a large message."""

    def __init__(self, port: int, method: str, *, streams: int, announced: int) -> None:
        head = b"".join(
            _header(name.encode(), value.encode())
            for name, value in {
                ":method": "POST",
                ":scheme": "http",
                ":path": method,
                ":authority": "attack",
                "content-type": "application/grpc",
                "te": "trailers",
            }.items()
        )
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0))
        self._initial = self._window = 2**16 - 1
        """What may be sent now: of a new stream, and over the connection."""
        self._windows = dict.fromkeys(range(1, 2 * streams, 2), self._initial)
        self._received = b""
        self.sent = self.ended = 0
        for stream in self._windows:
            self._socket.sendall(_frame(_HEADERS, _END_HEADERS, stream, head))
            self._send(stream, b"\x00" + struct.pack(">I", announced))

    def close(self) -> None:
        self._socket.close()

    def flood(self, seconds: float) -> None:
        """Send as much as the service takes, and read what it says."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.sent
            for stream in [*self._windows]:
                size = min(_FRAME_BYTES, self._windows[stream], self._window)
                if size > 0:
                    self._send(stream, bytes(size))
            self._read(wait_s=0.05 if self.sent == before else 0)

    def _send(self, stream: int, content: bytes) -> None:
        self._socket.settimeout(None)
        self._socket.sendall(_frame(_DATA, 0, stream, content))
        self._windows[stream] -= len(content)
        self._window -= len(content)
        self.sent += len(content)

    def _read(self, wait_s: float) -> None:
        self._socket.settimeout(wait_s)
        try:
            self._received += self._socket.recv(2**16)
        except (BlockingIOError, TimeoutError):
            return
        while len(self._received) >= _HEAD_BYTES:
            length = int.from_bytes(self._received[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", self._received[3:_HEAD_BYTES])
            content = self._received[_HEAD_BYTES : _HEAD_BYTES + length]
            if len(content) < length:
                return
            self._received = self._received[_HEAD_BYTES + length :]
            self._take(kind, flags, stream, content)

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == _WINDOW:
            more = int.from_bytes(content, "big")
            if not stream:
                self._window += more
            elif stream in self._windows:
                self._windows[stream] += more
        elif kind == _RESET and self._windows.pop(stream, None) is not None:
            self.ended += 1
        elif kind == _PING and not flags:
            self._socket.sendall(_frame(_PING, _ACKNOWLEDGED, 0, content))
        elif kind == _SETTINGS and not flags:
            for at in range(0, len(content), 6):
                name, value = struct.unpack(">HI", content[at : at + 6])
                if name == _INITIAL_WINDOW:
                    change, self._initial = value - self._initial, value
                    self._windows = {each: left + change for each, left in self._windows.items()}
            self._socket.sendall(_frame(_SETTINGS, _ACKNOWLEDGED, 0))
