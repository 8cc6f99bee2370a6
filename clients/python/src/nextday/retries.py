"""When a request is sent again."""

import random
import time
from dataclasses import dataclass

from nextday.errors import NextdayError

_PASSING = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How often and how long: on 503, on 429 and where the connection fails, never otherwise.

    To ask for a forecast twice changes nothing. The pause doubles from `first_s` to `most_s`,
    half of it by chance, so that many callers do not come back at once; where the service sends
    `Retry-After`, it comes on top of that.
    """

    attempts: int = 4
    """In all: 1 is none again."""
    total_s: float = 30.0
    """After this long no attempt is begun."""
    first_s: float = 0.2
    most_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense; raises ValueError."""
        if self.attempts < 1:
            raise ValueError(f"attempts must be 1 or more, was given {self.attempts}")
        if min(self.total_s, self.first_s, self.most_s) < 0:
            raise ValueError("total_s, first_s and most_s must not be below 0")


class Tries:
    """The attempts at one request."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._begun = time.monotonic()
        self._made = 0

    def pause(self, failure: NextdayError, *, lost: bool) -> float:
        """
        Return the seconds to wait before the next attempt; raise `failure` where there is none.

        `lost` says that the connection failed, so that nobody may have heard the request.
        """
        self._made += 1
        retries = self._retries
        passing = lost or failure.status in _PASSING
        # 32: beyond it a float has no room for the power
        doubled = retries.first_s * 2.0 ** min(self._made - 1, 32)
        wait_s = min(retries.most_s, doubled) * random.uniform(0.5, 1)  # noqa: S311 - no secret
        wait_s += failure.retry_after_s or 0
        spent_s = time.monotonic() - self._begun
        if not passing or self._made >= retries.attempts or spent_s + wait_s > retries.total_s:
            raise failure
        return wait_s
