"""
What is told of one request: by its line in the log, the metrics and its trace.

It is made when the request has arrived and filled on its way, and whoever wants to know is told
once, when the answer has been written. It holds no price, no key and nothing else of a body.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

UNKNOWN: Final = "unknown"
"""In place of a model or a route that is not there: strangers make no names of ours."""

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Those of a request; names in lower case."""

REQUEST_ID: Final = b"x-request-id"
TRACEPARENT: Final = b"traceparent"

_sendable = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_own = secrets.token_hex(6)
_numbers = count(1)


@dataclass(slots=True)
class RequestRecord:
    """One request, as far as it has come."""

    route: str
    """One of ours, or `UNKNOWN`."""
    id: str
    """The caller's own, or one that we made."""
    traceparent: str | None = None
    caller: str | None = None
    """Which key it came with: the beginning of the key's digest."""
    model: str = UNKNOWN
    version: int = 0
    windows: int = 0
    """Forecasts that were made for it."""
    outside: int = 0
    """Those of windows beyond the range that the model was fitted on."""
    wait_s: float | None = None
    """From its arrival to the run that answered it."""
    run_s: float | None = None
    """That run, which it may have shared."""
    code: str | None = None
    """What was wrong, as the answer has it."""
    arrived: float = field(default_factory=time.perf_counter)
    whole_s: float = 0.0
    """From its arrival to the answer."""


Recorder: TypeAlias = Callable[[RequestRecord, int], None]
"""Is told of a request and the status of its answer."""


class Recorders:
    """All that want to be told."""

    def __init__(self, recorders: Iterable[Recorder]) -> None:
        """Tell these."""
        self._recorders = tuple(recorders)

    def record(self, record: RequestRecord, status: int) -> None:
        """Tell that a request was answered just now."""
        record.whole_s = time.perf_counter() - record.arrived
        for each in self._recorders:
            each(record, status)


def begin(route: str, headers: Headers) -> RequestRecord:
    """Note the arrival of a request; an id that is no plain word is replaced by one of ours."""
    identity = traceparent = None
    for name, value in headers:
        if name == REQUEST_ID and _sendable.fullmatch(value):
            identity = value.decode()
        elif name == TRACEPARENT:
            traceparent = value.decode("latin-1")
    return RequestRecord(route, identity or f"{_own}-{next(_numbers):x}", traceparent)
