"""Waits that end with what they wait for, however busy the machine is."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

LONGEST_S: Final = 1800.0
"""Only for what hangs: nothing that is waited for takes a tenth of it, beside whatever else."""


def wait_for(true: Callable[[], object], *, by: subprocess.Popen[Any] | None = None) -> None:
    """Wait until it is true, as long as the process runs `by` which it should become so."""
    deadline = time.monotonic() + LONGEST_S
    while not true():
        # looked at once more: it may have come true with its end
        assert by is None or by.poll() is None or true(), f"it ended before, with {by.returncode}"
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@contextlib.contextmanager
def once(true: Callable[[], object], then: Callable[[], object]) -> Iterator[None]:
    """Do something, in a thread, once it is true; that must be before the block ends."""
    over, done = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if true():
                done.set()
                then()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert done.is_set(), "it never happened"
