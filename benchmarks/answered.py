"""What became of a load, and how long its answers took."""

import math
from dataclasses import dataclass
from typing import Final

OK: Final = 200
BUSY: Final = 503


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that so many of the requests took at most."""

    p50: float
    p99: float
    p999: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a load."""

    seconds: float
    """From the first request to the last answer."""
    statuses: dict[int, int]
    """How many answers had which status."""
    broken: int
    """Connections that ended before the answer was there."""
    unanswered: int
    a_second: float
    """Answers of any status."""
    latency: Latency | None
    """Of the answers with status 200; None where there are none."""
    latency_of_all: Latency | None
    busy: float

    @property
    def ok(self) -> int:
        """How many were answered with 200."""
        return self.statuses.get(OK, 0)

    @property
    def rejected(self) -> int:
        """How many were told to come back."""
        return self.statuses.get(BUSY, 0)

    @property
    def answers(self) -> int:
        """How many were answered at all."""
        return sum(self.statuses.values())

    @property
    def errors(self) -> int:
        """How many were answered with neither 200 nor 503, or not at all."""
        return self.answers - self.ok - self.rejected + self.broken + self.unanswered


def of_200s(answered: Answered) -> Latency:
    """Return the latency of the answers with 200: endless where there are none."""
    return answered.latency or Latency(math.inf, math.inf, math.inf)
