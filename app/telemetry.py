"""What operators see of the service: its log and its metrics."""

from functools import lru_cache
from logging.config import dictConfig
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_REQUESTS: Final = Counter(
    "nextday_requests", "Forecast requests answered, by path and status.", ["path", "status"]
)
_WINDOWS: Final = Histogram(
    "nextday_run_windows",
    "Windows of requests that waited together, in one run of a network.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)


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
