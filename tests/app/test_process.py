"""The service as a process: what it loads, how soon it is ready, how much it takes."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import usable_cores

NEVER = ("tensorflow", "keras", "tf2onnx", "onnx", "pandas", "training")
RESIDENT_MIB = 120


@contextlib.contextmanager
def process(workers: int = 1) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the service as `make run` does, on a free port, and wait until it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {  # noqa: TID251 - handed on
        "NEXTDAY_PORT": str(port),
        "NEXTDAY_WORKERS": str(workers),
    }
    command = [sys.executable, "-m", "app"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        try:
            wait_until_ready(port)
            yield running, port
        finally:
            if running.poll() is None:
                running.terminate()


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

    command = [sys.executable, "-m", "app"]
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


def test_workers_count_together_and_one_that_dies_is_replaced() -> None:
    body = Path("docs/example.json").read_bytes()
    with process(workers=2) as (running, port):
        for _ in range(40):
            # a new connection each, so that both workers get some
            assert posted(port, body)["model"] == "default"
        before = counted(port)
        [first, _] = children(running.pid)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while first in children(running.pid) or len(children(running.pid)) < 2:
            assert time.monotonic() < deadline, "no new worker"
            time.sleep(0.1)
        wait_until_ready(port)
        for _ in range(20):
            posted(port, body)
        after = counted(port)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)

    assert (before, after) == (40, 60)
    assert running.returncode in {0, -signal.SIGTERM}


def posted(port: int, body: bytes) -> dict[str, Any]:
    with connected(port) as connection:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def counted(port: int) -> int:
    """Return how many answers the metrics say there were."""
    with connected(port) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    found = re.search(
        r'^nextday_requests_total\{route="/predict",status="200"\} (\d+)', text, re.MULTILINE
    )
    assert found, text
    return int(found[1])


def children(pid: int) -> list[int]:
    """Return the workers of a process."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    return [
        int(line.split()[0])
        for line in listed.splitlines()
        if line.split()[1] == str(pid) and "spawn_main" in line
    ]


def test_cores_are_those_that_the_container_may_use(tmp_path: Path) -> None:
    some = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for content, expected in (("max 100000", some), ("50000 100000", 1), ("100000 100000", 1)):
        (tmp_path / "cpu.max").write_text(content)
        assert usable_cores(tmp_path) == expected
    (tmp_path / "cpu.max").unlink()
    assert usable_cores(tmp_path) == some
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for quota, expected in (("-1\n", some), ("100000\n", 1)):
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
        assert usable_cores(tmp_path) == expected


def resident_mib(pid: int) -> float:
    if not Path("/proc").exists():
        shown = subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)
        return int(shown) / 1024
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("after_s", [0.0, 0.7, 1.1])
def test_told_to_stop_while_it_starts_it_does(after_s: float) -> None:
    with subprocess.Popen([sys.executable, "-m", "app"], stderr=subprocess.DEVNULL) as running:
        try:
            time.sleep(after_s)
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) in {0, -signal.SIGTERM}
        finally:
            running.kill()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_it_calls_nobody_nor_does_anything_compiled_in_it(tmp_path: Path) -> None:
    # Python's own audit hooks do not see what a compiled module does. -D: what is started is
    # the service, and strace beside it
    calls = tmp_path / "calls"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"NEXTDAY_PORT": str(port)}  # noqa: TID251 - handed on
    command = ["strace", "-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o"]
    with subprocess.Popen(
        [*command, str(calls), sys.executable, "-m", "app"], env=environment
    ) as running:
        try:
            wait_until_ready(port)
            posted(port, Path("docs/example.json").read_bytes())
            # onnxruntime would call its maker ten seconds after it was imported
            time.sleep(12)
        finally:
            running.terminate()

    told = re.findall(r"(?:connect|sendto|sendmmsg)\(.*", calls.read_text())
    assert [call for call in told if "HTTP/1.1 200" not in call] == []
