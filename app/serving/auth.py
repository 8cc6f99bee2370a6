"""Who may ask, and how often."""

import hashlib
import hmac
import math
import time
from typing import Final

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.errors import RateLimited, Unauthorized
from app.observability.request_record import Headers

_BEARER: Final = b"bearer "
_SHOWN: Final = 8
"""Digits of a key's digest by which logs tell keys apart."""


OPEN_PATHS: Final = frozenset({"/", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})
"""Paths that need no key: whoever restarts or balances has none, and the page asks for it."""
_OPEN_BELOW: Final = "/page/"


def needs_no_key(path: str) -> bool:
    """Tell whether a path needs no key."""
    return path in OPEN_PATHS or path.startswith(_OPEN_BELOW)


class AccessControl:
    """The keys that may ask, and how often each may; without keys everybody may."""

    def __init__(self, keys: frozenset[bytes], rate: RateLimitItem | None) -> None:
        """Let those in whose digests are given, each as often as `rate` says."""
        self._keys = keys
        self._rate = rate
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage()) if rate else None

    def admit(self, headers: Headers) -> str | None:
        """
        Let a request in, and return which key it came with, by the beginning of its digest.

        The key is in `Authorization: Bearer ..` or `X-API-Key`; None where no keys are set.
        Raises Unauthorized, and RateLimited where the key has asked too often.
        """
        caller = self._caller(headers) if self._keys else None
        if self._rate is not None and self._limiter is not None:
            who = caller or "everybody"
            if not self._limiter.hit(self._rate, who):
                reset = self._limiter.get_window_stats(self._rate, who).reset_time
                raise RateLimited(max(1, math.ceil(reset - time.time())))
        return caller

    def _caller(self, headers: Headers) -> str:
        given = hashlib.sha256(_key_in(headers)).digest()
        # each of them, to the end: how long it takes tells nothing
        known = [key for key in self._keys if hmac.compare_digest(key, given)]
        if not known:
            raise Unauthorized
        return given.hex()[:_SHOWN]


def _key_in(headers: Headers) -> bytes:
    for name, value in headers:
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            return value[len(_BEARER) :].strip()
        if name == b"x-api-key":
            return value.strip()
    return b""
