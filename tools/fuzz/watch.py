"""What a service is watched for while it is fuzzed: late answers, a held event loop, memory."""

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Final

from tools.testbed.service import Service, request

HOLD_S: Final = 0.25
"""That no request may hold the event loop; a bucket of the service's histogram ends there."""
_EVERY_S: Final = 0.5
_LATE: Final = re.compile(
    rb'nextday_event_loop_lag_seconds_bucket\{le="(0\.25|\+Inf)"\} (\S+)', re.MULTILINE
)
_CONTROL: Final = """
import time
while True:
    began = time.perf_counter()
    time.sleep(0.01)
    late = time.perf_counter() - began - 0.01
    if late > 0.05:
        print(late, flush=True)
"""
"""A process that does nothing but sleep: where it wakes late, too, the machine had stopped."""


class Watch:
    """Watches a service from threads of its own."""

    def __init__(self, service: Service) -> None:
        """Watch a service."""
        self._service = service
        self._done = threading.Event()
        self._control = subprocess.Popen(
            [sys.executable, "-c", _CONTROL], stdout=subprocess.PIPE, text=True
        )
        self._machine: deque[float] = deque(maxlen=1000)
        """When the machine itself had stopped."""
        self.held: list[float] = []
        """When something held the event loop, by `time.perf_counter`."""
        self.by_machine = 0
        """Stalls that the process beside the service saw, too."""
        self.health_s: list[float] = []
        """How long each answer to /livez took."""
        self.peak_mib = 0.0
        self._threads = [
            threading.Thread(target=each, daemon=True)
            for each in (self._follow_control, self._ask_health, self._look)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._done.set()
        self._control.kill()
        self._control.wait()
        for thread in self._threads:
            thread.join()

    def _follow_control(self) -> None:
        assert self._control.stdout is not None
        for _ in self._control.stdout:
            self._machine.append(time.perf_counter())
        self._control.stdout.close()

    def _ask_health(self) -> None:
        with contextlib.suppress(OSError, AssertionError), self._service.connect() as connection:
            while not self._done.wait(0.02):
                began = time.perf_counter()
                connection.send(request("GET", "/livez"))
                assert connection.answer() is not None
                self.health_s.append(time.perf_counter() - began)

    def _look(self) -> None:
        before = 0.0
        while not self._done.wait(_EVERY_S):
            with contextlib.suppress(OSError, AssertionError):
                self.peak_mib = max(self.peak_mib, self._service.peak_mib())
                counts = dict(_LATE.findall(self._service.get("/metrics")[1]))
                late = float(counts[b"+Inf"]) - float(counts[b"0.25"])
                if late > before:
                    self._note(time.perf_counter())
                before = late

    def _note(self, now: float) -> None:
        # the process beside it is told of it a moment later
        time.sleep(0.1)
        if any(now - at < 2 * _EVERY_S + 1 for at in self._machine):
            self.by_machine += 1
        else:
            self.held.append(now)
