"""The service as a process: what it loads, how soon it is ready, how much it takes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import usable_cores
from tests.builders import publish
from tools.testbed.service import Service, request, serving
from tools.testbed.waiting import PATIENCE_S, until

pytestmark = pytest.mark.process

NEVER = ("tensorflow", "keras", "tf2onnx", "onnx", "pandas", "training")
RESIDENT_MIB = 120
SERVICE = (sys.executable, "-m", "app")
ASKED = request("POST", "/predict", Path("docs/example.json").read_bytes())


def shipped(*, command: tuple[str, ...] = SERVICE, **settings: Any) -> Any:
    """Serve the shipped model as `make run` does."""
    return serving(Path("models"), command=command, **settings)


def test_the_service_imports_nothing_that_only_training_needs() -> None:
    program = f"import sys, app.main; print([name for name in {NEVER} if name in sys.modules])"

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )

    assert found.stdout.strip() == "[]"


def test_a_setting_that_is_not_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTDAY_THREADS", "many")
    monkeypatch.setenv("NEXTDAY_POLL_SECONDS", "0")

    stopped = subprocess.run(SERVICE, capture_output=True, text=True, check=False)

    assert stopped.returncode == 1
    assert "NEXTDAY_THREADS: Input should be a valid integer" in stopped.stderr
    assert "NEXTDAY_POLL_SECONDS: Input should be greater than 0" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_client_that_leaves_is_no_error() -> None:
    with shipped() as service:
        for _ in range(3):
            with service.connect() as leaving:
                leaving.send(ASKED[:-20])
        assert service.is_ready()
        service.end()
        log = service.logged()

    assert "Traceback" not in log
    assert "unexpected" not in log


def test_a_process_answers_stays_small_and_stops_when_told() -> None:
    with shipped() as service:
        answers = [service.send(ASKED) for _ in range(50)]
        resident = service.resident_mib()
        # uvicorn raises the signal again once it has shut down
        assert service.end() in {0, -signal.SIGTERM}
        log = service.logged()

    assert {answer.json["model"] for answer in answers} == {"default"}
    assert resident < RESIDENT_MIB
    assert "serving default version" in log
    assert "Traceback" not in log


def test_on_sighup_one_worker_looks_for_new_versions_at_once(tmp_path: Path) -> None:
    publish(tmp_path)
    with serving(tmp_path, poll_seconds=3600) as service:
        for version in (2, 3):
            publish(tmp_path, version=version)
            service.process.send_signal(signal.SIGHUP)
            served = b'"version":%d' % version
            until(
                lambda served=served: served in service.get("/models/default")[1],  # type: ignore[misc]
                "the new version is served",
                process=service.process,
            )
        assert service.logged().count("SIGHUP") == 2
        assert service.end() in {0, -signal.SIGTERM}


def test_workers_count_together_and_one_that_dies_is_replaced() -> None:
    with shipped(workers=2) as service:
        # a new connection each, so that both workers get some
        assert {service.send(ASKED).status for _ in range(40)} == {200}
        before = counted(service)
        first, _ = service.workers()
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in (now := service.workers()) and len(now) == 2, "a new worker")
        until(service.is_ready, "the new worker")
        for _ in range(20):
            service.send(ASKED)
        after = counted(service)
        ended = service.end()

    assert (before, after) == (40, 60)
    assert ended in {0, -signal.SIGTERM}


def counted(service: Service) -> int:
    """Return how many answers the metrics say there were."""
    text = service.get("/metrics")[1].decode()
    found = re.search(
        r'^nextday_requests_total\{route="/predict",status="200"\} (\d+)', text, re.MULTILINE
    )
    assert found, text
    return int(found[1])


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


@pytest.mark.parametrize("after_s", [0.0, 0.7, 1.1])
def test_told_to_stop_while_it_starts_it_does(after_s: float) -> None:
    with subprocess.Popen(SERVICE, stderr=subprocess.DEVNULL) as running:
        try:
            time.sleep(after_s)
            running.send_signal(signal.SIGTERM)
            assert running.wait(PATIENCE_S) in {0, -signal.SIGTERM}
        finally:
            running.kill()


@pytest.mark.needs("strace")
def test_it_calls_nobody_nor_does_anything_compiled_in_it(tmp_path: Path) -> None:
    # Python's own audit hooks do not see what a compiled module does. -D: what is started is
    # the service, and strace beside it
    calls = tmp_path / "calls"
    traced = ("strace", "-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o", str(calls))
    with shipped(command=(*traced, *SERVICE)) as service:
        assert service.send(ASKED).status == 200
        # onnxruntime would call its maker ten seconds after it was imported
        time.sleep(12)

    told = re.findall(r"(?:connect|sendto|sendmmsg)\(.*", calls.read_text())
    assert [call for call in told if "HTTP/1.1 200" not in call] == []
