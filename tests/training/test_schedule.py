"""The schedule: runs on time, one at a time, as processes of their own, and says how they went."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from tests.training.waiting import LONGEST_S, wait_for
from training.__main__ import main
from training.errors import TrainingError, UsageError
from training.retraining import run_record, schedule
from training.retraining.run_record import RunInProgress, RunRecord

NEW_YORK = ZoneInfo("America/New_York")

CONFIG = """
name = "m"
[source]
kind = "sql"
url = "postgresql+psycopg://nobody@127.0.0.1:{port}/prices"
table = "bars"
[retries]
attempts = {attempts}
first_wait_seconds = {wait}
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def metrics(port: int) -> dict[str, float]:
    """Return what the port says, {} where nothing answers yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("nextday_retrain_"): float(value) for name, value in pairs}


@contextlib.contextmanager
def stopped_when(true: Callable[[], bool]) -> Iterator[None]:
    """Send this process SIGTERM once something holds, or has not held for very long."""

    def send() -> None:
        try:
            wait_for(true)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def program(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def soon(seconds: float = 0.3) -> DateTrigger:
    return DateTrigger(datetime.now(UTC) + timedelta(seconds=seconds))


def record(status: run_record.Status, *, version: int | None = None) -> RunRecord:
    this_run = RunInProgress("m", 1, "c" * 64, dry_run=False)
    this_run.version = version
    return this_run.close(status, 0, "as told")


def test_hours_are_those_of_the_zone_on_weekdays_and_across_the_change_of_clocks() -> None:
    trigger = schedule.parse("30 22 * * mon-fri", "America/New_York")
    # a Friday; the clocks of New York went back on Sunday, 2026-11-01
    now, fires = datetime(2026, 10, 30, 12, tzinfo=NEW_YORK), []
    for _ in range(3):
        fired = trigger.get_next_fire_time(None, now)
        assert fired is not None
        fires.append(fired.astimezone(UTC))
        now = fired + timedelta(seconds=1)

    assert fires == [
        datetime(2026, 10, 31, 2, 30, tzinfo=UTC),
        datetime(2026, 11, 3, 3, 30, tzinfo=UTC),
        datetime(2026, 11, 4, 3, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("30 22 * *", "UTC", "such as '30 22 * * mon-fri'"),
        ("", "UTC", "such as '30 22 * * mon-fri'"),
        ("61 22 * * *", "UTC", "such as '30 22 * * mon-fri'"),
        ("daily", "UTC", "such as '30 22 * * mon-fri'"),
        ("0 0 31 feb *", "UTC", "never comes"),
        # cron and the scheduler do not count weekdays from the same one
        ("30 22 * * 1-5", "UTC", "name the weekdays, such as mon-fri or sun"),
        ("30 22 * * */2", "UTC", "name the weekdays"),
        ("30 22 * * *", "New York", "no such zone; they are called like America/New_York"),
        ("30 22 * * *", "../etc/passwd", "no such zone"),
        ("30 22 * * *", "America", "no such zone"),
    ],
)
def test_what_is_no_schedule_says_what_one_looks_like(cron: str, zone: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        schedule.parse(cron, zone)


def test_a_run_is_a_process_whose_record_becomes_metrics(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told, port, seen = record("published", version=7).model_dump_json(), free_port(), {}
    began = time.time()

    def ended() -> bool:
        seen.update(metrics(port))
        return seen.get('runs_total{status="published"}') == 1

    with stopped_when(ended):
        code = schedule.follow(soon(), program(f"print({told!r})"), metrics_port=port, echo=True)

    assert code == 0
    assert seen["running"] == 0
    assert seen["last_exit_code"] == 0
    assert seen["last_published_version"] == 7
    assert began < seen["last_run_timestamp_seconds"] < time.time()
    assert seen["last_success_timestamp_seconds"] == seen["last_run_timestamp_seconds"]
    assert 0 < seen["last_duration_seconds"] < time.time() - began + 1
    verdicts = {
        state: seen[f'last_verdict{{nextday_retrain_last_verdict="{state}"}}']
        for state in ("none", "kept", "published")
    }
    assert verdicts == {"none": 0, "kept": 0, "published": 1}
    printed = capfd.readouterr()
    assert told in printed.out
    assert "retraining published, exit 0: as told" in printed.err


def test_all_is_there_before_the_first_run() -> None:
    port, seen = free_port(), {}
    later = datetime.now(UTC) + timedelta(days=1)

    with stopped_when(lambda: bool(seen.update(metrics(port)) or seen)):
        assert schedule.follow(DateTrigger(later), program("1 / 0"), metrics_port=port) == 0

    assert seen["next_run_timestamp_seconds"] == pytest.approx(later.timestamp(), abs=1e-3)
    assert seen["last_run_timestamp_seconds"] == 0
    for status in ("published", "kept", "skipped", "failed"):
        assert seen[f'runs_total{{status="{status}"}}'] == 0


def test_runs_never_overlap(tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow = program(
        "import sys, time\n"
        f"with open({str(log)!r}, 'a') as log:\n"
        "    log.write('begin\\n'); log.flush(); time.sleep(0.7); log.write('end\\n')"
    )

    with stopped_when(lambda: log.exists() and log.read_text().count("end") == 3):
        schedule.follow(IntervalTrigger(seconds=0.3), slow)

    lines = log.read_text().split()
    assert lines[:6] == ["begin", "end"] * 3


def test_a_run_that_was_killed_is_a_failure_and_leaves_no_process(tmp_path: Path) -> None:
    left = tmp_path / "left"
    dies = program(
        "import os, pathlib, signal, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(left)!r}).write_text(str(child.pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    port, seen = free_port(), {}

    def failed() -> bool:
        seen.update(metrics(port))
        return seen.get('runs_total{status="failed"}') == 1

    with stopped_when(failed):
        schedule.follow(soon(), dies, metrics_port=port)

    assert seen["last_exit_code"] == -signal.SIGKILL
    assert seen["last_success_timestamp_seconds"] == 0
    wait_for(lambda: not is_running(int(left.read_text())))


def test_no_run_begins_after_the_end_was_asked_for(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    command = program(f"open({str(begun)!r}, 'w')")
    runner = schedule.Runner(command, schedule.Metrics(soon()), echo=False)

    runner.stop()
    runner.run()

    assert not begun.exists()


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_run_that_hangs_can_be_told_by_the_time_of_the_next(tmp_path: Path) -> None:
    """The next run begins a second after the one that hangs, and stays in the past."""
    port, seen, stuck = free_port(), {}, tmp_path / "stuck"
    hangs = program(f"open({str(stuck)!r}, 'w'); import time; time.sleep(600)")

    def overdue() -> bool:
        seen.update(metrics(port))
        return stuck.exists() and time.time() > seen["next_run_timestamp_seconds"] + 1

    with stopped_when(overdue):
        schedule.follow(IntervalTrigger(seconds=0.5), hangs, metrics_port=port)

    assert seen["running"] == 1


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - where the metrics would be
        taken.listen()
        with pytest.raises(TrainingError, match="--metrics-port"):
            schedule.follow(soon(), program("1"), metrics_port=taken.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--schedule", "never"), "such as '30 22 * * mon-fri'"),
        (("--schedule", "0 1 * * *", "--timezone", "Mars"), "no such zone"),
        (("--schedule", "0 1 * * *", "--force"), "for a single run"),
        (("--schedule", "0 1 * * *", "--accept-data"), "for a single run"),
        (("--timezone", "UTC"), "go with --schedule"),
        (("--run-at-start",), "go with --schedule"),
    ],
)
def test_wrong_usage_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["retrain", "--config", str(config(tmp_path)), *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_told(tmp_path: Path, port: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["retrain", "--config", str(config(tmp_path)), "--metrics-port", port])


def config(folder: Path, *, attempts: int = 1, wait: float = 0.0) -> Path:
    path = folder / "retrain.toml"
    path.write_text(CONFIG.format(port=free_port(), attempts=attempts, wait=wait))
    return path


def test_the_command_line_retrains_on_schedule(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    port, seen = free_port(), {}

    def failed() -> bool:
        seen.update(metrics(port))
        return seen.get('runs_total{status="failed"}') == 1

    with stopped_when(failed):
        code = main(
            [
                *("retrain", "--config", str(config(tmp_path)), "--models", str(tmp_path)),
                *("--work", str(tmp_path / "work"), "--schedule", "0 0 1 jan *", "--json"),
                *("--run-at-start", "--metrics-port", str(port)),
            ]
        )

    assert code == 0
    assert seen["last_exit_code"] == 1
    [path] = (tmp_path / "m" / "runs").glob("*.json")
    kept, printed = next(run_record.newest_first(tmp_path / "m"), None), capfd.readouterr()
    assert kept
    assert path.stem == kept.id
    assert RunRecord.model_validate_json(printed.out) == kept
    assert f"retraining failed, exit 1: {kept.reason}" in printed.err


def test_sigterm_ends_the_run_that_is_under_way_and_then_the_schedule(tmp_path: Path) -> None:
    waits, log = config(tmp_path, attempts=5, wait=600), tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "training", "retrain", "--config", str(waits)),
                *("--models", str(tmp_path), "--work", str(tmp_path / "work")),
                *("--schedule", "0 0 1 jan *", "--run-at-start"),
            ],
            stderr=errors,
        )
    try:
        wait_for(lambda: "attempt 1 of 5" in log.read_text(), by=process)
    finally:
        process.terminate()

    assert process.wait(LONGEST_S) == 0
    ended = next(run_record.newest_first(tmp_path / "m"), None)
    assert ended
    assert (ended.status, ended.exit_code, ended.reason) == ("failed", 130, "interrupted")
    assert "stopping: no run begins any more\n" in log.read_text()
