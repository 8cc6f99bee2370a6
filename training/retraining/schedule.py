"""
Retrain on time: every run a process of its own, and what became of it on a metrics port.

Nothing is fitted here: a run that dies, or takes memory and does not give it back, does no harm
to what starts the next one.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, get_args
from zoneinfo import ZoneInfo

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, start_http_server
from pydantic import ValidationError

from training.errors import TrainingError, UsageError
from training.progress import say
from training.retraining.run_record import WITH_VERDICT, RunRecord, Status

_CRON_FIELDS: Final = "minute, hour, day, month and weekday, such as '30 22 * * mon-fri'"
_FAILED: Final[Status] = "failed"
_SUCCESS_CODES: Final = frozenset({0, 3})


def parse(cron: str, zone: str) -> CronTrigger:
    """Read a schedule and the zone of its hours; raise UsageError."""
    try:
        timezone = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"--timezone {zone!r}: no such zone; they are called like America/New_York or UTC"
        ) from None
    weekday = cron.split()[-1:]
    if weekday and re.search(r"\d", weekday[0]):
        # 1 is Tuesday to APScheduler and Monday to cron
        raise UsageError(f"--schedule {cron!r}: name the weekdays, such as mon-fri or sun")
    try:
        trigger = CronTrigger.from_crontab(cron, timezone=timezone)
    except ValueError as error:
        raise UsageError(f"--schedule {cron!r}: {error}; it is {_CRON_FIELDS}") from None
    if trigger.get_next_fire_time(None, datetime.now(timezone)) is None:
        raise UsageError(f"--schedule {cron!r}: never comes; it is {_CRON_FIELDS}")
    return trigger


class Metrics:
    """What a Prometheus server reads: times are Unix seconds, 0 for never."""

    def __init__(self, trigger: BaseTrigger) -> None:
        """Count from nothing; runs are due as `trigger` says from now on."""
        self.registry = CollectorRegistry()
        self._trigger = trigger
        self._began = datetime.now(UTC)
        self._running = self._gauge("running", "1 while a run is under way")
        self._last_run = self._gauge("last_run_timestamp_seconds", "When the last run ended")
        self._last_success = self._gauge(
            "last_success_timestamp_seconds",
            "When the last run ended that published, kept or found nothing new",
        )
        self._exit_code = self._gauge("last_exit_code", "Of the last run; below 0: a signal")
        self._duration = self._gauge("last_duration_seconds", "How long the last run took")
        self._version = self._gauge("last_published_version", "What a run last published")
        self._due = self._gauge(
            "next_run_timestamp_seconds",
            "When the next run begins; lies in the past where one is overdue",
        )
        self._due.set_function(self._next_run)
        self._runs = Counter(
            "nextday_retrain_runs", "Runs by how they ended", ["status"], registry=self.registry
        )
        for status in get_args(Status):
            self._runs.labels(status)
        self._verdict = Enum(
            "nextday_retrain_last_verdict",
            "Of the last run that came to one",
            states=["none", *sorted(WITH_VERDICT)],
            registry=self.registry,
        )

    def began(self) -> None:
        """Note that a run begins."""
        self._began = datetime.now(UTC)
        self._running.set(1)

    def ended(self, record: RunRecord | None, exit_code: int, seconds: float) -> None:
        """Note how it ended; there is no record of one that was killed."""
        now = time.time()
        self._running.set(0)
        self._last_run.set(now)
        self._exit_code.set(exit_code)
        self._duration.set(seconds)
        self._runs.labels(record.status if record else _FAILED).inc()
        if exit_code in _SUCCESS_CODES:
            self._last_success.set(now)
        if record and record.status in WITH_VERDICT:
            self._verdict.state(record.status)
        if record and record.version:
            self._version.set(record.version)

    def _gauge(self, name: str, said: str) -> Gauge:
        return Gauge(f"nextday_retrain_{name}", said, registry=self.registry)

    def _next_run(self) -> float:
        # from when a run last began, not from now: what is overdue must stay in the past
        due = self._trigger.get_next_fire_time(None, self._began)
        return due.timestamp() if due else 0.0


class Runner:
    """Starts one run after the other, and passes on that all of it shall end."""

    def __init__(self, command: Sequence[str], metrics: Metrics, *, echo: bool) -> None:
        """Run a command that prints its record; with `echo`, print what it prints."""
        self._command = command
        self._metrics = metrics
        self._echo = echo
        self._starting = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run it once, and wait for its end."""
        # a file, not a pipe: what a killed run leaves behind would keep a pipe open
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            with self._starting:
                if self._stopped:
                    return
                # a session of its own, to be ended with all that it started
                self._process = process = subprocess.Popen(  # noqa: S603 - our own command line
                    self._command, stdout=output, start_new_session=True
                )
                self._metrics.began()
            began = time.monotonic()
            code = process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            output.seek(0)
            printed = output.read()
        record = _record(printed)
        self._metrics.ended(record, code, time.monotonic() - began)
        if self._echo:
            print(printed, end="", flush=True)
        status, reason = (
            (record.status, record.reason) if record else (_FAILED, "it left no record")
        )
        say(f"retraining {status}, exit {code}: {reason}")

    def stop(self) -> None:
        """Let no run begin any more, and ask the one under way to end."""
        with self._starting:
            self._stopped = True
            if self._process and self._process.poll() is None:
                self._process.terminate()


def follow(
    trigger: BaseTrigger,
    command: Sequence[str],
    *,
    metrics_port: int = 0,
    at_start: bool = False,
    echo: bool = False,
) -> int:
    """
    Run a command whenever `trigger` says, never twice at once, until SIGTERM; return 0.

    The command is `python -m training retrain … --json`. A run that is due while another is
    under way is left out. Raises TrainingError where the metrics port cannot be opened.
    """
    metrics = Metrics(trigger)
    runner = Runner(command, metrics, echo=echo)
    scheduler = BlockingScheduler(timezone=UTC)
    scheduler.add_job(
        runner.run,
        trigger,
        max_instances=1,
        coalesce=True,
        # late is better than not at all: the machine may have slept
        misfire_grace_time=None,
        **({"next_run_time": datetime.now(UTC)} if at_start else {}),
    )
    with _metrics_server(metrics, metrics_port), _interrupted_by_sigterm():
        try:
            say(f"retraining on schedule: {trigger}")
            scheduler.start()
        except KeyboardInterrupt:
            # once is enough
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            say("stopping: no run begins any more")
            runner.stop()
            scheduler.shutdown(wait=True)
    return 0


@contextlib.contextmanager
def _metrics_server(metrics: Metrics, port: int) -> Iterator[None]:
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, registry=metrics.registry)
    except OSError as error:
        raise TrainingError(f"--metrics-port {port}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Make of SIGTERM what Ctrl-C is, and put all back in the end."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _record(printed: str) -> RunRecord | None:
    """Read what a run printed last; None where that is no record."""
    try:
        return RunRecord.model_validate_json((printed.splitlines() or [""])[-1])
    except ValidationError:
        return None
