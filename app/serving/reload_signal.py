"""SIGHUP: look for new versions now, and not at the next round."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def on_sighup(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` on the running event loop at each SIGHUP, which otherwise ends a process."""
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        # signals are for the main thread alone, and Windows has none of these
        yield
        return
    loop = asyncio.get_running_loop()

    def begin() -> None:
        _log.info("SIGHUP: looking for new versions now")
        look()

    def handle(_: int, __: FrameType | None) -> None:
        loop.call_soon_threadsafe(begin)

    before = signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
