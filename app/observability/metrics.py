"""What operators see of the service: its log and its metrics."""

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final, Literal, NamedTuple

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.observability.histograms import HistogramBuffer
from app.observability.request_record import UNKNOWN, RequestRecord

_SECONDS: Final = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_BY_VERSION: Final = ["model", "version"]
_timed: Final = partial(Histogram, labelnames=["route", *_BY_VERSION], buckets=_SECONDS)

_REQUESTS: Final = Counter(
    "nextday_requests", "Requests answered, by route and status.", ["route", "status"]
)
_REFUSALS: Final = Counter(
    "nextday_refusals", "Requests answered with a problem, by its code.", ["route", "code"]
)
_WHOLE: Final = _timed("nextday_request_seconds", "From a request's arrival to its answer.")
_WAITS: Final = _timed(
    "nextday_wait_seconds", "From a request's arrival to the run that answered it."
)
_RUNS: Final = _timed(
    "nextday_run_seconds",
    "The run of the network that answered a request, which may have answered others too.",
)
_WINDOWS: Final = Histogram(
    "nextday_run_windows",
    "Windows that ran together: of requests that waited together, or of one batch.",
    _BY_VERSION,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096),
)
_FORECASTS: Final = Counter("nextday_forecasts", "Windows that were forecast from.", _BY_VERSION)
_OUTSIDE: Final = Counter(
    "nextday_outside_training_range",
    "Forecasts from windows beyond the range that the model was fitted on.",
    _BY_VERSION,
)
_LAST: Final = Gauge(
    "nextday_last_forecast_timestamp_seconds",
    "When a version last forecast.",
    _BY_VERSION,
    multiprocess_mode="livemax",
)
_WAITING: Final = Gauge(
    "nextday_waiting_requests",
    "Requests that waited when a run began, those in it included.",
    multiprocess_mode="livesum",
)

_LOADS: Final = Counter(
    "nextday_loads", "Versions that were loaded or refused, by model.", ["model", "outcome"]
)
_MODELS: Final = Gauge("nextday_models", "Models that answer.", multiprocess_mode="livemin")
_SERVED: Final = Gauge(
    "nextday_served_version",
    "The version that answers.",
    ["model"],
    # a worker that has not looked yet is a second behind
    multiprocess_mode="livemin",
)
_TRIED: Final = Counter(
    "nextday_trial_answers",
    "Requests while a candidate is on trial, by the version that forecast.",
    ["model", "version", "outcome"],
)
_DIFFERENCES: Final = Histogram(
    "nextday_shadow_difference_ratio",
    "How far a candidate's forecast was from that which was answered, over the last price.",
    _BY_VERSION,
    buckets=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
)
_RESIDENT: Final = Gauge(
    "nextday_resident_bytes", "Memory of the workers.", multiprocess_mode="livesum"
)
_PROCESSOR: Final = Gauge(
    "nextday_cpu_seconds", "Processor time of the workers.", multiprocess_mode="livesum"
)
_FILES: Final = Gauge(
    "nextday_open_files", "Open files and connections of the workers.", multiprocess_mode="livesum"
)

_LAGS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAG: Final = Histogram(
    "nextday_event_loop_lag_seconds",
    "How much later than asked the event loop woke a task, many times a second.",
    buckets=_LAGS,
)
_LONGEST_LAG: Final = Gauge(
    "nextday_event_loop_longest_lag_seconds",
    "The longest of these lags since the workers started.",
    multiprocess_mode="livemax",
)


def record_request(record: RequestRecord, status: int) -> None:
    """Count a request that was answered."""
    _answers(record.route, status).inc()
    labels = (record.route, record.model, record.version)
    _whole(*labels).observe(record.whole_s)
    if record.run_s is not None and record.wait_s is not None:
        waits, runs = _parts(*labels)
        waits.observe(record.wait_s)
        runs.observe(record.run_s)
    if record.code is not None:
        _refusals(record.route, record.code).inc()
    if record.outside:
        _OUTSIDE.labels(record.model, record.version).inc(record.outside)


def record_run(model: str, version: int, windows: int, waiting: int = 0) -> None:
    """Note how many windows ran together, and how many requests waited when they began."""
    runs, forecasts, last = _batches(model, version)
    runs.observe(windows)
    forecasts.inc(windows)
    last.set(time.time())
    if waiting:
        _WAITING.set(waiting)


def record_load(
    model: str, version: int | None, outcome: Literal["served", "trial", "refused"]
) -> None:
    """Count a version that was loaded to be served or to be tried, or refused."""
    _LOADS.labels(model, outcome).inc()
    if outcome == "served" and version is not None:
        _SERVED.labels(model).set(version)


def record_process(models: int) -> None:
    """Note how many models answer, and what the process takes of the machine."""
    _forget_the_dead()
    _MODELS.set(models)
    times = os.times()
    _PROCESSOR.set(times.user + times.system)
    if sys.platform == "linux":
        _RESIDENT.set(resident_bytes())
        _FILES.set(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - no paths are wanted


def resident_bytes() -> int:
    """Return how much memory the process has; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _forget_the_dead() -> None:
    """Leave out what workers that are gone have last said of themselves."""
    try:
        # untyped, as the class above it
        folder = Path(_Workers(CollectorRegistry()).folder)  # type: ignore[no-untyped-call]
    except ValueError:
        # there is one worker
        return
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            # another worker may do so at the same moment
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(pid)


def record_lag(seconds: float) -> None:
    """Note how much later than asked the event loop woke a task."""
    global _longest_lag  # noqa: PLW0603 - the gauge itself cannot be read where workers share it
    _lags.observe(seconds)
    if seconds > _longest_lag:
        _longest_lag = seconds
        _LONGEST_LAG.set(seconds)


def record_trial_answer(model: str, version: int, outcome: Literal["ok", "error"]) -> None:
    """Count what became of a request, by version, while a candidate is on trial."""
    _TRIED.labels(model, version, outcome).inc()


def record_shadow_difference(model: str, version: int, ratio: float) -> None:
    """Note how far a candidate's forecast was from the one that was answered."""
    _DIFFERENCES.labels(model, version).observe(ratio)


def render() -> bytes:
    """Return the metrics of all workers together, in Prometheus's text format."""
    return generate_latest(registry())


def registry() -> CollectorRegistry:
    """Return what collects the metrics of all workers."""
    flush()
    together = CollectorRegistry()
    try:
        # reads the folder that the workers share, see __main__.py
        _Workers(together)  # type: ignore[no-untyped-call]  # as the class above it
    except ValueError:
        # there is none: one worker, whose metrics are here
        return REGISTRY
    return together


class _Workers(MultiProcessCollector):
    """The metrics of all workers, but of one that has just begun, or was killed as it did."""

    @property
    def folder(self) -> str:
        """Where they are."""
        path: str = self._path
        return path

    def collect(self) -> Iterable[Metric]:
        """Read their files, each of which is empty for an instant."""
        files = [str(file) for file in Path(self.folder).glob("*.db") if _size(file)]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]  # the same
        return merged


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


class VersionTotals(NamedTuple):
    """What one version has answered since the workers started, on all routes."""

    requests: float = 0
    """Requests that it was chosen for."""
    answered: float = 0
    """Those that it forecast for."""
    wait_s: float = 0.0
    run_s: float = 0.0
    forecasts: float = 0
    runs: float = 0
    last: float = 0.0
    """When it last ran, in seconds since 1970."""


_COUNTED: Final = {
    "nextday_request_seconds_count": "requests",
    "nextday_wait_seconds_count": "answered",
    "nextday_wait_seconds_sum": "wait_s",
    "nextday_run_seconds_sum": "run_s",
    "nextday_forecasts_total": "forecasts",
    "nextday_run_windows_count": "runs",
    "nextday_last_forecast_timestamp_seconds": "last",
}


def totals_by_version() -> dict[tuple[str, int], VersionTotals]:
    """Return the metrics of all workers by model and version."""
    sums: dict[tuple[str, int], dict[str, float]] = {}
    for metric in registry().collect():
        for sample in metric.samples:
            member, labels = _COUNTED.get(sample.name), sample.labels
            if member is not None and labels.get("model", UNKNOWN) != UNKNOWN:
                of_version = sums.setdefault((labels["model"], int(labels["version"])), {})
                of_version[member] = of_version.get(member, 0) + sample.value
    return {key: VersionTotals(**members) for key, members in sums.items()}


# a few of each for every route, and none for what strangers make up
_answers: Final = lru_cache(1024)(_REQUESTS.labels)
_refusals: Final = lru_cache(1024)(_REFUSALS.labels)


# not one of these is forgotten: it may hold what has not been added
@cache
def _whole(route: str, model: str, version: int) -> HistogramBuffer:
    return _buffer(_WHOLE, route, model, version)


@cache
def _parts(route: str, model: str, version: int) -> tuple[HistogramBuffer, HistogramBuffer]:
    labels = (route, model, version)
    return _buffer(_WAITS, *labels), _buffer(_RUNS, *labels)


def _buffer(histogram: Histogram, route: str, model: str, version: int) -> HistogramBuffer:
    buffer = HistogramBuffer(histogram.labels(route, model, version), _SECONDS)
    _buffers.append(buffer)
    return buffer


_buffers: Final[list[HistogramBuffer]] = []
_lags: Final = HistogramBuffer(_LAG, _LAGS)
_buffers.append(_lags)
_longest_lag = 0.0


def flush() -> None:
    """Add what was recorded since the last time to what Prometheus reads."""
    for buffer in [*_buffers]:
        buffer.add()


@lru_cache(1024)
def _batches(model: str, version: int) -> tuple[Histogram, Counter, Gauge]:
    labels = (model, version)
    return _WINDOWS.labels(*labels), _FORECASTS.labels(*labels), _LAST.labels(*labels)
