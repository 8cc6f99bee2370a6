"""
From SIGTERM to the end: tell the load balancer first, then stop.

Whoever stops a process has usually told nobody yet: a load balancer goes on sending until it has
seen that the process is not ready. So on SIGTERM `/readyz` turns to 503 and all goes on for some
seconds, every answer asking its client to connect anew; then the server stops as it would have.
"""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_log = logging.getLogger(__name__)


class GracefulShutdown:
    """Whether the process is about to stop."""

    def __init__(self, seconds: float) -> None:
        """Let so many seconds pass between the signal and the stop."""
        self._seconds = seconds
        self.begun = False
        """Whether the process is about to stop."""

    @contextlib.contextmanager
    def on_sigterm(self) -> Iterator[None]:
        """Stand before the handler of SIGTERM that there is, within a running event loop."""
        stop = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(stop):
            # signals are for the main thread alone; who runs an app elsewhere stops it his own way.
            # Where no server handles them, the process ends at once, as it did
            yield
            return
        loop = asyncio.get_running_loop()

        def begin() -> None:
            _log.info("told to stop: not ready from now on, and gone in %g s", self._seconds)
            self.begun = True
            loop.call_later(self._seconds, stop, signal.SIGTERM, None)

        def handle(number: int, frame: FrameType | None) -> None:
            if self.begun or not self._seconds:
                # told twice: at once
                stop(number, frame)
            else:
                loop.call_soon_threadsafe(begin)

        signal.signal(signal.SIGTERM, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, stop)
