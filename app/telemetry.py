"""What operators see of the service: its log and its metrics."""

from functools import lru_cache
from logging.config import dictConfig
from typing import Final, Literal

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

_REQUESTS: Final = Counter(
    "nextday_requests", "Forecast requests answered, by path and status.", ["path", "status"]
)
_WINDOWS: Final = Histogram(
    "nextday_run_windows",
    "Windows of requests that waited together, in one run of a network.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)


_LOADS: Final = Counter(
    "nextday_loads", "Versions that were loaded or refused, by model.", ["model", "outcome"]
)
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
    ["model", "version"],
    buckets=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
)


def loaded(model: str, version: int | None, outcome: Literal["served", "trial", "refused"]) -> None:
    """Count a version that was loaded to be served or to be tried, or refused."""
    _LOADS.labels(model, outcome).inc()
    if outcome == "served" and version is not None:
        _SERVED.labels(model).set(version)


def tried(model: str, version: int, outcome: Literal["ok", "error"]) -> None:
    """Count what became of a request, by version, while a candidate is on trial."""
    _TRIED.labels(model, version, outcome).inc()


def differed(model: str, version: int, ratio: float) -> None:
    """Note how far a candidate's forecast was from the one that was answered."""
    _DIFFERENCES.labels(model, version).observe(ratio)


def answered(path: str, status: int) -> None:
    """Count an answer; `path` is one of ours, so that strangers make no labels."""
    _answers(path, status).inc()


def ran(windows: int) -> None:
    """Note how many windows ran together."""
    _WINDOWS.observe(windows)


def metrics() -> bytes:
    """Return the metrics of all workers together, in Prometheus's text format."""
    registry = CollectorRegistry()
    try:
        # reads the folder that the workers share, see __main__.py
        MultiProcessCollector(registry)
    except ValueError:
        # there is none: one worker, whose metrics are here
        registry = REGISTRY
    return generate_latest(registry)


@lru_cache
def _answers(path: str, status: int) -> Counter:
    return _REQUESTS.labels(path, status)


def configure_logging(level: str) -> None:
    """Send the service's log lines to standard error, beside uvicorn's."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(levelname)s: %(asctime)s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {
                "app": {"level": level.upper(), "handlers": ["stderr"], "propagate": False}
            },
        }
    )
