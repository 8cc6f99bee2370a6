"""Waits that are as long as it takes on a busy machine, and end when nothing can come any more."""

import subprocess
import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 600.0
"""After which something hangs, however many others the machine works for."""


class NeverHappened(AssertionError):
    """What was waited for; the message says what, and why no longer."""


def until(
    holds: Callable[[], object],
    what: str,
    *,
    process: subprocess.Popen[bytes] | None = None,
    every_s: float = 0.02,
    patience_s: float = PATIENCE_S,
) -> None:
    """Wait until something holds, for as long as the process that is to do it lives."""
    end = time.monotonic() + patience_s
    while not holds():
        if process is not None and process.poll() is not None and not holds():
            raise NeverHappened(f"{what}: the process ended with {process.returncode}")
        if time.monotonic() > end:
            raise NeverHappened(f"{what}: not within {patience_s:.0f} s")
        time.sleep(every_s)
