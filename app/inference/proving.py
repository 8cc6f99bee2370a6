"""
Graphs are tried in a process of their own before the service opens them.

What a graph needs of time and memory nobody can tell by looking at it. So it is opened and run
first where that harms nobody: in a child with limits (`proving_child.py`), which stays for a while,
since its start takes longer than most graphs. A graph that was tried is not tried again.
"""

import contextlib
import hashlib
import os
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import IO, Final

import app
from app.errors import ArtifactRejected
from app.forecasting.arrays import Float32s
from app.inference.proving_child import CPU_S, HEADER, READY

_LONGEST_S: Final = 30.0
"""By the clock, on a machine that has other work; on its own, `CPU_S` ends a graph."""
_START_S: Final = 120.0
"""Until the child has imported what it needs."""
_IDLE_S: Final = 30.0
"""After which a child ends that has nothing to try."""
_KEPT: Final = 10_000
"""Graphs that are known to be fine."""
_MOST_REASON: Final = 200


class GraphProver:
    """Tries graphs, one at a time; for any thread."""

    def __init__(self) -> None:
        """Begin with no child."""
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._used = 0.0
        self._is_closed = False
        self._proved: OrderedDict[bytes, None] = OrderedDict()

    def prove(self, graph: bytes, example: Float32s, file: str) -> None:
        """
        Let the child open a graph, of `file`, and run it on batches of an example (1, steps, n).

        Raises ArtifactRejected where it fails, takes too long or needs too much memory.
        """
        key = hashlib.sha256(graph + struct.pack(">II", *example.shape[1:])).digest()
        if key in self._proved:
            return
        with self._turn:
            try:
                reason = self._tried(graph, example, file)
            except OSError as error:
                self._end()
                reason = f"{file} cannot be tried in a process of its own: {error.strerror}"
            self._used = time.monotonic()
        if reason:
            raise ArtifactRejected(reason)
        self._proved[key] = None
        while len(self._proved) > _KEPT:
            self._proved.popitem(last=False)

    def rest(self) -> None:
        """End the child where it has had nothing to do for a while."""
        if self._child is not None and time.monotonic() - self._used > _IDLE_S:
            with self._turn:
                self._end()

    def close(self) -> None:
        """End the child, in the middle of its work too, and try nothing more."""
        self._is_closed = True
        child = self._child
        if child is not None:
            # who waits for it gets no answer, and lets us in
            child.kill()
        with self._turn:
            self._end()

    def _tried(self, graph: bytes, example: Float32s, file: str) -> str:
        """Return why a graph is refused; nothing where it is fine."""
        if self._is_closed:
            return f"{file} was not tried, since the service ends"
        child = self._child or self._started()
        self._child = child
        stdin, stdout = _pipes(child)
        try:
            stdin.write(HEADER.pack(file.encode(), len(graph), *example.shape[1:]))
            stdin.write(example.astype("<f4").tobytes())
            stdin.write(graph)
            stdin.flush()
            said = _line(stdout, _LONGEST_S)
        except BrokenPipeError:
            said = b""
        if said == READY:
            return ""
        if said is not None and said.endswith(b"\n"):
            return said.decode(errors="replace").strip()[:_MOST_REASON]
        return f"{file} {self._death(said)}"

    def _death(self, said: bytes | None) -> str:
        """Say what became of a child that gave no answer."""
        child = self._child
        assert child is not None  # noqa: S101 - it was asked
        if said is None:
            child.kill()
        code = child.wait()
        self._end()
        if said is None or code == -signal.SIGXCPU:
            return f"takes more than {CPU_S} s of processor time for its first runs"
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"ended the process in which it was tried ({name})"

    def _started(self) -> "subprocess.Popen[bytes]":
        path = str(Path(app.__file__).parent.parent)
        child = subprocess.Popen(
            [sys.executable, "-m", "app.inference.proving_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},  # noqa: TID251 - handed on
        )
        self._child = child
        if self._is_closed:
            child.kill()
        if _line(_pipes(child)[1], _START_S) != READY:
            self._end()
            raise OSError(0, "it does not start")
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in _pipes(child):
            with contextlib.suppress(OSError):
                pipe.close()


def _pipes(child: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    assert child.stdin is not None  # noqa: S101 - they were asked for
    assert child.stdout is not None  # noqa: S101
    return child.stdin, child.stdout


def _line(pipe: IO[bytes], longest_s: float) -> bytes | None:
    """Read a line, or what there was of it at the end; None where that takes too long."""
    end, said = time.monotonic() + longest_s, b""
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            if not ready.select(max(0.0, end - time.monotonic())):
                return None
            part = os.read(pipe.fileno(), 4096)
            if not part:
                return said
            said += part
    return said
