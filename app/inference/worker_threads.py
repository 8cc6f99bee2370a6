"""
Long work in a thread of its own, while the event loop answers others; short work between them.

onnxruntime lets go of Python's lock while it runs; parsing does not, so long work is written in
slices of well under a millisecond between which the loop can have it (`SWITCH_S`).

A thread has the core only where the loop leaves it, and loses it again and again: under load,
work of a millisecond takes five or ten there. So what is as short as one run of those who wait
for single forecasts is done on the loop, as one run more.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Final, TypeAlias, TypeVar

from app.errors import TooBusy

_T = TypeVar("_T")

Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
"""ASGI's: tells of a client."""

Work: TypeAlias = Callable[[Event], _T]
"""Is given an event that is set once the client has left, and looks at it between its slices."""

INLINE_WINDOWS: Final = 16
"""Windows of short work: as many as run together where few wait, see batching.py."""

INLINE_BYTES: Final = 2**16
"""Bytes of a body that may be read on the event loop, in some tenths of a millisecond."""

SWITCH_S: Final = 0.0005
"""After so long a thread that wants Python's lock gets it: a tenth of Python's own choice."""

_NICE: Final = 10
"""Of the scheduler's 19: a tenth of the event loop's share, where both want the core."""

_NICEST: Final = 19
"""A seventieth: nobody waits for it, and the event loop leaves the core to it now and then."""


class WorkerThreads:
    """A few threads, and a bound on what may wait for them."""

    def __init__(self, threads: int, most: int) -> None:
        """Work in so many threads; let at most so many pieces of work be under way or wait."""
        self._threads = _threads(threads, "background", _NICE)
        self._most = most
        self._count = 0
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def admit(self) -> None:
        """Raise TooBusy where as much waits as may; for those who would do work before waiting."""
        if self._count >= self._most:
            raise TooBusy

    async def run(self, work: Work[_T], receive: Receive, *, is_short: bool = False) -> _T:
        """
        Return what `work` makes, in a thread, or on the event loop where it is short.

        Once the client, of whom `receive` (ASGI) tells, has gone, it ends in Abandoned. Raises
        TooBusy.
        """
        self.admit()
        self._count += 1
        try:
            return await (self._in_turn(work) if is_short else self._in_thread(work, receive))
        finally:
            self._count -= 1

    async def _in_turn(self, work: Work[_T]) -> _T:
        """Work in each turn of the loop once: who waits for one forecast waits no longer."""
        await self._turn.acquire()
        try:
            return work(Event())
        finally:
            asyncio.get_running_loop().call_soon(self._turn.release)

    async def _in_thread(self, work: Work[_T], receive: Receive) -> _T:
        gone = Event()
        watching = asyncio.create_task(_watch(receive, gone))
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, gone)
        finally:
            # set by a cancelled request too, which no longer waits for the thread
            gone.set()
            watching.cancel()


class LowPriorityThread:
    """One thread for work that ought to end soon, and may not disturb anybody."""

    def __init__(self, name: str, most: int = 1) -> None:
        """Begin with nothing to do; let at most so many pieces of work be under way or wait."""
        self._thread = _threads(1, name, _NICEST)
        self._most = most
        self._count = 0

    @property
    def is_busy(self) -> bool:
        """Whether there is such work; from before it begins, so that it has the core then."""
        return self._count > 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do a piece of work, one at a time; raise TooBusy where as many wait as may."""
        if self._count >= self._most:
            raise TooBusy
        self._count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._count -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _threads(count: int, name: str, nice: int) -> ThreadPoolExecutor:
    """Return threads for work that can wait, where the event loop's wants the core."""
    return ThreadPoolExecutor(
        count, thread_name_prefix=name, initializer=_give_way, initargs=(nice,)
    )


def _give_way(nice: int) -> None:
    """Let the event loop's thread have the core first, where a thread can say so."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


async def _watch(receive: Receive, gone: Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()
