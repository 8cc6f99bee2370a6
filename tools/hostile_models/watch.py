"""A running service that is watched: it answers for a good model all the time, and stays small."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tools.hostile_models.folders import GOOD
from tools.testbed.models import publish
from tools.testbed.service import Answer, Connection, Service, request, serving

WITHIN_S: Final = 10.0
"""In which a model is refused or reloaded, and any request is answered."""
START_S: Final = 60.0
"""In which the service starts, whatever lies in the folder."""
END_S: Final = 15.0
"""In which it ends when it is told to."""
MOST_MIB: Final = 1536.0
"""Of memory that all processes of the service may have: above it we end them, for the machine."""
POLL_S: Final = 0.2

_PREDICT: Final = request(
    "POST", "/predict", json.dumps({"model": GOOD, "prices": [100.0, 101.5, 103.0]}).encode()
)
_OK: Final = 200
_EVERY_S: Final = 0.02


class Watch:
    """What is seen of one running service, while hostile folders come and go."""

    def __init__(self, service: Service, models: Path) -> None:
        """Watch a service over a folder of models, of which GOOD is one."""
        self.service = service
        self.models = models
        self.answers = 0
        self.longest_s = 0.0
        self.peak_mib = 0.0
        self.version = 0
        """Of the good model, as answered last."""
        self._problems: list[str] = []
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Ask and measure for a while, in threads."""
        threads = [
            threading.Thread(target=each, daemon=True) for each in (self._ask, self._measure)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join(2 * WITHIN_S)

    @property
    def is_alive(self) -> bool:
        """Tell whether the process still is the one that was started."""
        return self.service.process.poll() is None

    def problems(self) -> list[str]:
        """Return what was wrong since the last call."""
        found, self._problems = self._problems, []
        return list(dict.fromkeys(found))

    def note(self, problem: str) -> None:
        """Remember something that is wrong."""
        self._problems.append(problem)

    def document(self, path: str) -> Any:
        """Return the document at a path; None where there was none in time."""
        with contextlib.suppress(OSError, ValueError, AssertionError):
            with self.service.connect(WITHIN_S) as connection:
                connection.send(request("GET", path))
                answer = connection.answer()
            return answer and answer.json
        return None

    def status(self, content: bytes) -> int | None:
        """Send a request; return the answer's status, None where there was none in time."""
        with (
            contextlib.suppress(OSError, AssertionError),
            self.service.connect(WITHIN_S) as connection,
        ):
            connection.send(content)
            answer = connection.answer()
            return answer and answer.status
        return None

    def publish_good(self, version: int) -> None:
        """Replace the good model by its next version."""
        publish(self.models, GOOD, version)

    def _ask(self) -> None:
        """Ask on one connection, which is opened again only where it was lost."""
        while not self._stopped.is_set():
            try:
                with self.service.connect(WITHIN_S) as connection:
                    while not self._stopped.wait(_EVERY_S):
                        self._ask_once(connection)
            except (OSError, ConnectionError) as error:
                if self.is_alive and not self._stopped.is_set():
                    self.note(f"a request was not answered: {type(error).__name__}")
                # the next try would only say so again
                self._stopped.wait(1)

    def _ask_once(self, connection: Connection) -> None:
        for content in (_PREDICT, request("GET", "/livez")):
            began = time.monotonic()
            connection.send(content)
            answer: Answer | None = connection.answer()
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            if answer is None:
                raise ConnectionError
            self.answers += 1
            if answer.status != _OK:
                self.note(f"{content.split()[1].decode()} was answered {answer.status}")
            elif content is _PREDICT:
                self.version = answer.json["version"]

    def _measure(self) -> None:
        """Measure the processes, and end them before the machine has no memory left."""
        while not self._stopped.wait(_EVERY_S) and self.is_alive:
            used = resident_mib(self.service.process.pid)
            self.peak_mib = max(self.peak_mib, used)
            if used > MOST_MIB:
                self.note(f"its processes took more than {MOST_MIB:.0f} MiB")
                self.service.process.kill()


def resident_mib(pid: int) -> float:
    """Return the memory of a process and of all that it started."""
    total = 0.0
    # any of them may end meanwhile
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total = int(line.split()[1]) / 1024
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(resident_mib(int(child)) for child in children.read_text().split())
    return total


@contextlib.contextmanager
def watched(models: Path, said: Callable[[str], None]) -> Iterator[Watch]:
    """Run a service and watch it; `said` is told what is wrong with its start or its end."""
    with serving(
        models,
        patience_s=START_S,
        poll_seconds=POLL_S,
        log_level="error",
        request_log=False,
        drain_seconds=0,
    ) as service:
        watch = Watch(service, models)
        with watch.running():
            yield watch
        for problem in watch.problems():
            said(problem)
        if watch.is_alive:
            service.process.send_signal(signal.SIGTERM)
            try:
                service.process.wait(END_S)
            except subprocess.TimeoutExpired:
                said(f"it did not end within {END_S:.0f} s of being told to")
                service.process.kill()
        elif service.process.returncode != -signal.SIGKILL:
            said(f"it ended by itself, with {service.process.returncode}")


def paths_of_this_machine(models: Path) -> set[str]:
    """Return what no reason may hold."""
    return {str(models), str(models.parent), os.getcwd()}  # noqa: PTH109 - as text
