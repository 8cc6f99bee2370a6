"""
Serve: `python -m app`, as the environment says.

It is `uvicorn --factory app.main:serve` with what suits this service: the compiled event loop and
HTTP parser, and before it a shorter way for forecasts (protocol.py); no line for every request,
no header that nobody reads; and workers that count their metrics together.
"""

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn

from app.settings import Settings, from_environment

_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_LONGEST_S: Final = 30
"""That what is under way may take once the service stops."""
_NO_LIMIT: Final = 1_000_000


def main() -> None:
    """Serve until told to stop."""
    settings = from_environment()
    # told to stop before uvicorn listens to it, there is nothing to end; and uvicorn raises the
    # signal once more when it has stopped: what it was told, it did. Not by an exception, which a
    # module that is being imported may turn into one of its own
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if hasattr(signal, "SIGHUP"):
        # before anybody listens to it: what it asks for, a service that begins does anyway
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    workers = usable_cores() if settings.workers == "auto" else settings.workers
    with _metrics_folder() if workers > 1 else contextlib.nullcontext():
        uvicorn.run("app.main:serve", factory=True, workers=workers, **server_options(settings))


def server_options(settings: Settings) -> dict[str, Any]:
    """Return what uvicorn is told of how to serve, besides the app and its workers."""
    return {
        "http": "app.main:HTTP_PROTOCOL",
        "host": settings.host,
        "port": settings.port,
        "log_level": settings.log_level,
        "access_log": False,
        "timeout_keep_alive": settings.keep_alive_seconds,
        "timeout_graceful_shutdown": _LONGEST_S,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": [*settings.trusted_proxies],
        "root_path": settings.root_path,
        "server_header": False,
        "ws": "none",
        "ssl_certfile": settings.tls_certificate,
        "ssl_keyfile": settings.tls_key,
    }


@contextlib.contextmanager
def _metrics_folder() -> Iterator[None]:
    """Give workers a folder in which their metrics add up: prometheus_client looks for it."""
    with tempfile.TemporaryDirectory(prefix="nextday-") as folder:
        os.environ.setdefault(_METRICS_FOLDER, folder)  # noqa: TID251 - written, for workers
        yield


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: of the machine, by affinity and by quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota(cgroup)))


def _quota(cgroup: Path) -> int:
    """Return the whole cores of a container's limit; where there is none, more than there are."""
    try:
        # version 2, one file: "150000 100000" or "max 100000"
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            # version 1, two files: -1 is no limit
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return _NO_LIMIT
    if not quota.strip().isdecimal():
        return _NO_LIMIT
    return int(quota) // int(period)


if __name__ == "__main__":
    main()
