"""
From process to ready, and what it takes in memory: the service beside a bare FastAPI app.

    python -m benchmarks.start --service .venv-serve/bin/python

The two are started in turn, so that a machine that slows down slows both.
"""

import argparse
import contextlib
import http.client
import socket
import statistics
import subprocess
import time
from pathlib import Path
from typing import Final, NamedTuple

_APPS: Final = {"nextday": "app.main:serve", "bare FastAPI": "benchmarks.bare:serve"}
_REQUESTS: Final = 200
_PATIENCE_S: Final = 30
_OK: Final = 200


class Start(NamedTuple):
    """One start of one service."""

    ready_s: float
    resident_mib: float


def main() -> None:
    """Print a table of medians, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--service", default="python3", help="the Python that has the packages")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    starts: dict[str, list[Start]] = {name: [] for name in _APPS}
    for name, app in list(_APPS.items()):
        start(options.service, app)  # not counted: fills the page cache
        starts[name] = []
    for _ in range(options.rounds):
        for name, app in _APPS.items():
            starts[name].append(start(options.service, app))
    print("| | ready after, s | resident after 200 requests, MiB |")
    print("|---|---|---|")
    medians = {}
    for name, measured in starts.items():
        ready = statistics.median(each.ready_s for each in measured)
        resident = statistics.median(each.resident_mib for each in measured)
        medians[name] = Start(ready, resident)
        print(f"| {name} | {ready:.2f} | {resident:.0f} |")
    ours, bare = medians.values()
    ratios = ours.ready_s / bare.ready_s, ours.resident_mib / bare.resident_mib
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")


def start(python: str, app: str) -> Start:
    """Start an app, wait until it is ready, ask it some, look at its memory, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "uvicorn", "--factory", app, "--port", str(port), "--no-access-log"]
    began = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            _wait(port)
            ready_s = time.perf_counter() - began
            _ask(port)
            return Start(ready_s, _resident_mib(process.pid))
        finally:
            process.terminate()


def _wait(port: int) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError), _connected(port) as connection:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == _OK:
                return
        time.sleep(0.002)
    raise TimeoutError(f"not ready within {_PATIENCE_S} s")


def _ask(port: int) -> None:
    body = Path("docs/example.json").read_bytes()
    with _connected(port) as connection:
        for _ in range(_REQUESTS):
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            connection.getresponse().read()


def _connected(port: int) -> contextlib.closing[http.client.HTTPConnection]:
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5))


def _resident_mib(process: int) -> float:
    shown = subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)], text=True)  # noqa: S603, S607
    return int(shown) / 1024


if __name__ == "__main__":
    main()
