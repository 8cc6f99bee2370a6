"""The service as a process of its own, set up as a test wants it, and connections to it."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from tools.testbed.waiting import PATIENCE_S, NeverHappened, until

RSS_SLACK_MIB: Final = 96
"""What answering one attack may add to the process, with the largest body that it takes."""
_CHUNK: Final = 2**16
_READY: Final = 200


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body of it."""
        return json.loads(self.content)


class Connection:
    """One connection, written to byte by byte and read answer by answer."""

    def __init__(
        self, port: int, timeout_s: float = PATIENCE_S, context: ssl.SSLContext | None = None
    ) -> None:
        """Connect, by TLS where there is a context for it."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._received = b""

    def send(self, content: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(content)

    def answer(self, *, head: bool = False) -> Answer | None:
        """Return the next answer; None where the connection ended instead."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        start, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = start.decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:])
        headers = {name.lower(): value for name, value in pairs}
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self._received) < length:
            if not self._more():
                return None
        content, self._received = self._received[:length], self._received[length:]
        return Answer(int(lines[0].split()[1]), headers, content)

    def ends(self) -> bool:
        """Tell whether the service ends the connection, and has sent nothing more before."""
        return not self._received and not self._more()

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def _more(self) -> bool:
        try:
            chunk = self.socket.recv(_CHUNK)
        except ConnectionResetError:
            chunk = b""
        self._received += chunk
        return bool(chunk)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]
    out: Path
    """Its standard output: the log of requests."""
    err: Path
    context: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def connect(self, timeout_s: float = PATIENCE_S) -> Iterator[Connection]:
        """Connect for a while."""
        connection = Connection(self.port, timeout_s, self.context)
        try:
            yield connection
        finally:
            connection.close()

    def send(self, content: bytes, *, head: bool = False) -> Answer:
        """Send one request on a connection of its own, and return its answer."""
        with self.connect() as connection:
            connection.send(content)
            answer = connection.answer(head=head)
        assert answer is not None, f"no answer to {content[:200]!r}"
        return answer

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask for a path."""
        answer = self.send(request("GET", path))
        return answer.status, answer.content

    def is_ready(self) -> bool:
        """Tell whether it answers forecasts."""
        with contextlib.suppress(OSError, AssertionError):
            return self.get("/readyz")[0] == _READY
        return False

    def logged(self) -> str:
        """Return what it has said on its standard error."""
        return self.err.read_text(errors="replace")

    def end(self) -> int:
        """Tell it to stop, and return its exit code once it has."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def workers(self) -> set[int]:
        """Return the processes that it has for its workers."""
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = set()
        for each in listed:
            # one may end meanwhile; and Python has one more, for what processes share
            with contextlib.suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes():
                    found.add(int(each))
        return found

    def is_at_rest(self) -> bool:
        """Tell whether it waits for others: no thread of it runs, or would if it had a core."""
        for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(") ")[2][0] in "RD":
                    return False
        return True

    def resident_mib(self) -> float:
        """Return how much memory the process has."""
        return self._status("VmRSS")

    def peak_mib(self) -> float:
        """Return how much memory the process has had at most."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith(name)]
        return int(line.split()[1]) / 1024


def request(
    method: str,
    target: str | bytes,
    body: bytes | None = None,
    *headers: str | bytes,
    content_type: str | None = "application/json",
) -> bytes:
    """Return a request as it is sent."""
    target = target if isinstance(target, bytes) else target.encode()
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target), b"Host: attack"]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
        if content_type:
            lines.append(f"Content-Type: {content_type}".encode())
    lines += [each if isinstance(each, bytes) else each.encode() for each in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


@contextlib.contextmanager
def serving(
    models: Path,
    *,
    command: Sequence[str] = (sys.executable, "-m", "app"),
    has_own_core: bool = False,
    context: ssl.SSLContext | None = None,
    patience_s: float = PATIENCE_S,
    **settings: Any,
) -> Iterator[Service]:
    """
    Run the service over a folder of models; each setting is one of NEXTDAY_'s.

    It has `patience_s` to be ready, and as long to end. With a core of its own, where there are
    two, we leave it that one and take the others.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    pinned = has_own_core and bool(others)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    wanted = {"models": models, "port": port, **settings}
    environment = os.environ | {  # noqa: TID251 - handed on
        f"NEXTDAY_{name.upper()}": str(value) for name, value in wanted.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen([*command], env=environment, stdout=to_out, stderr=to_err)
        service = Service(port, process, out, err, context)
        if pinned:
            os.sched_setaffinity(process.pid, {first})
            os.sched_setaffinity(0, set(others))
        try:
            until(service.is_ready, "the service is ready", process=process, patience_s=patience_s)
            yield service
        except NeverHappened as never:
            never.add_note(err.read_text()[-2000:])
            raise
        finally:
            os.sched_setaffinity(0, {first, *others})
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience_s)
            finally:
                process.kill()
