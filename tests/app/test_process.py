"""The service as a process: what it loads, how soon it is ready, how much it takes."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NEVER = ("tensorflow", "keras", "tf2onnx", "onnx", "pandas", "training")
RESIDENT_MIB = 120


@contextlib.contextmanager
def process() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the service as `make run` does, on a free port, and wait until it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:serve", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            wait_until_ready(port)
            yield running, port
        finally:
            if running.poll() is None:
                running.kill()


def connected(port: int) -> contextlib.closing[http.client.HTTPConnection]:
    return contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5))


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), connected(port) as connection:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.01)
    pytest.fail("the service was not ready within 30 s")


def test_the_service_imports_nothing_that_only_training_needs() -> None:
    program = f"import sys, app.main; print([name for name in {NEVER} if name in sys.modules])"

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )

    assert found.stdout.strip() == "[]"


def test_a_setting_that_is_not_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTDAY_THREADS", "many")
    monkeypatch.setenv("NEXTDAY_POLL_SECONDS", "0")

    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:serve", "--port", "0"]
    stopped = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert stopped.returncode == 1
    assert "NEXTDAY_THREADS: Input should be a valid integer" in stopped.stderr
    assert "NEXTDAY_POLL_SECONDS: Input should be greater than 0" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_client_that_leaves_is_no_error() -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"

    with process() as (running, port):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as leaving:
                leaving.sendall(head + b'{"prices": [')
        wait_until_ready(port)
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=20)

    assert "Traceback" not in log
    assert "unexpected" not in log


def test_a_process_answers_stays_small_and_stops_when_told() -> None:
    with process() as (running, port):
        body = Path("docs/example.json").read_bytes()
        with connected(port) as connection:
            for _ in range(50):
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
        resident = resident_mib(running.pid)
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=20)

    assert answer["model"] == "default"
    assert resident < RESIDENT_MIB
    # uvicorn raises the signal again once it has shut down
    assert running.returncode in {0, -signal.SIGTERM}
    assert "serving default version" in log
    assert "Traceback" not in log


def resident_mib(pid: int) -> float:
    if not Path("/proc").exists():
        shown = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
        return int(shown) / 1024
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
