"""
Requests that wait at the same moment run together, by model and version.

A request puts its window here. The first one asks the event loop to call back, which it does
behind all requests that it has already read; once a turn of the loop brings no more, what has
come by then is run. There is no timer and no thread: alone, a request waits for nothing, and
under load the batch grows with it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from app.errors import TooBusy, TooLate
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model, forecast_each

_log = logging.getLogger(__name__)

_FEWEST: Final = 16
_MOST: Final = 64
"""
Windows in one run: a quarter of those that wait, within these bounds.

More at once are hardly faster each, and whoever comes meanwhile waits for all of them.
"""

OVERLOAD_QUEUE_DIVISOR: Final = 24
"""By how much shorter the queue is once it has been full: of 384, as many as run at once, ..."""

OVERLOAD_SECONDS: Final = 30.0
"""... and for how many seconds. Both are a choice: see `Batches`."""


LOADER_TIMESLICE_S: Final = 0.0005
"""
That a run leaves to work of low priority which has to end soon.

A scheduler gives such work its share too, but in slices of four milliseconds, which is longer
than a run and its answers take: a little at a time of our own choice delays nobody much.
"""


class Run(NamedTuple):
    """When the network ran, by `time.perf_counter`, and for how many seconds."""

    began: float
    seconds: float


class Waiter(Protocol):
    """Whoever waits for a forecast."""

    def has_left(self) -> bool:
        """Tell whether nobody would read the answer."""
        ...

    def take(self, forecast: Forecast | None, run: Run) -> None:
        """Make an answer of the forecast of that run; None stands for one that is not finite."""
        ...

    def send(self) -> None:
        """Send that answer, once all who ran with it have made theirs."""
        ...

    def fail(self, error: Exception) -> None:
        """Take the reason why there is none."""
        ...


class _Waiting(NamedTuple):
    window: Floats
    levels: tuple[float, ...]
    waiter: Waiter
    since: float


class RunRecorder(Protocol):
    """Whoever wants to know of every run."""

    def record_run(self, model: str, version: int, windows: int, waiting: int = 0) -> None:
        """Take note of a run of so many windows, and of how many waited when it began."""
        ...


class Loader(Protocol):
    """Work of low priority that has to end soon."""

    @property
    def is_busy(self) -> bool:
        """Whether there is any."""
        ...


class MicroBatcher:
    """
    What waits for its forecast, on one event loop.

    A queue that is always full makes everyone wait for nothing: as many are answered as with a
    short one, all of them late. So once it has been full, more come than can be answered, and
    for some seconds it is a short one: few are told at once to come back, and those who are
    taken are answered soon.
    """

    def __init__(
        self,
        most: int,
        recorder: RunRecorder,
        *,
        deadline_s: float = math.inf,
        loader: Loader | None = None,
    ) -> None:
        """
        Let at most so many requests wait, none longer than so long; tell `recorder` of runs.

        While `loader` is busy, every run leaves the core to it for a moment before it begins.
        """
        self._most = most
        self._deadline_s = deadline_s
        self._loader = loader
        self._short = max(1, most // OVERLOAD_QUEUE_DIVISOR)
        self._recorder = recorder
        self._waiting: dict[Model, list[_Waiting]] = {}
        self._count = 0
        self._seen = 0
        """How many waited at the last turn of the loop."""
        self._short_until = -math.inf

    def admit(self) -> None:
        """Raise TooBusy where as many wait as may; for those who would do work before waiting."""
        if self._count < self._short:
            return
        now = time.monotonic()
        if self._count >= self._most:
            self._short_until = now + OVERLOAD_SECONDS
            self._refuse_beyond(self._short)
        if now < self._short_until:
            raise TooBusy

    def put(self, model: Model, window: Floats, levels: tuple[float, ...], waiter: Waiter) -> None:
        """
        Forecast from a window (sessions, fields), together with whoever else waits for the model.

        The window has been checked, so that none spoils the run of the others. Raises TooBusy.
        """
        self.admit()
        if not self._count:
            asyncio.get_running_loop().call_soon(self._run)
        self._count += 1
        self._waiting.setdefault(model, []).append(
            _Waiting(window, levels, waiter, time.perf_counter())
        )

    async def forecast(
        self, model: Model, window: Floats, levels: tuple[float, ...]
    ) -> tuple[Forecast | None, Run]:
        """Do as `put` does, for a coroutine that waits."""
        waiter = _Future(asyncio.get_running_loop().create_future())
        self.put(model, window, levels, waiter)
        return await waiter.answer

    def _refuse_beyond(self, first: int) -> None:
        """Tell all who wait to come back, but so many."""
        everyone = [(model, each) for model, waiting in self._waiting.items() for each in waiting]
        self._waiting.clear()
        for model, each in everyone[:first]:
            self._waiting.setdefault(model, []).append(each)
        self._count = len(everyone[:first])
        for _, each in everyone[first:]:
            if not each.waiter.has_left():
                each.waiter.fail(TooBusy())

    def _run(self) -> None:
        """Run the model that has waited longest, once; what is left waits for the next turn."""
        if self._seen < self._count < _MOST:
            # this turn of the loop brought some, perhaps the next one does, too: those who have
            # just been answered ask again. A turn costs microseconds, a run of few milliseconds
            self._seen = self._count
            asyncio.get_running_loop().call_soon(self._run)
            return
        model = next(iter(self._waiting))
        waiting = self._waiting.pop(model)
        size = min(_MOST, max(_FEWEST, self._count // 4))
        batch = waiting[:size]
        # and not a copy of the rest, which would touch all who wait, again and again
        del waiting[:size]
        if waiting:
            # behind the other models
            self._waiting[model] = waiting
        waited, self._count = self._count, self._count - len(batch)
        self._seen = self._count
        if self._count:
            asyncio.get_running_loop().call_soon(self._run)
        # whoever has left costs nothing
        batch = [each for each in batch if not each.waiter.has_left()]
        if batch and time.perf_counter() - batch[0].since > self._deadline_s:
            batch = self._without_the_late(batch)
        if batch:
            if self._loader is not None and self._loader.is_busy:
                time.sleep(LOADER_TIMESLICE_S)
            manifest = model.manifest
            self._recorder.record_run(manifest.name, manifest.version, len(batch), waited)
            _answer(model, batch)

    def _without_the_late(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Return those who have not waited too long; the others are told."""
        since = time.perf_counter() - self._deadline_s
        for each in batch:
            if each.since < since:
                each.waiter.fail(TooLate())
        return [each for each in batch if each.since >= since]


class _Future(NamedTuple):
    """A coroutine that waits; if it is cancelled, so is its future."""

    answer: asyncio.Future[tuple[Forecast | None, Run]]

    def has_left(self) -> bool:
        return self.answer.done()

    def take(self, forecast: Forecast | None, run: Run) -> None:
        self.answer.set_result((forecast, run))

    def send(self) -> None:
        pass

    def fail(self, error: Exception) -> None:
        self.answer.set_exception(error)


def _answer(model: Model, batch: Sequence[_Waiting]) -> None:
    began = time.perf_counter()
    try:
        # all are of the model's window and fields; `np.stack` would look at each
        first = batch[0].window
        windows = np.concatenate([each.window for each in batch]).reshape(-1, *first.shape)
        forecasts = forecast_each(model, windows, [each.levels for each in batch])
    except Exception as error:  # noqa: BLE001 - passed on, to whom it belongs
        if len(batch) == 1:
            batch[0].waiter.fail(error)
            return
        _log.exception("a batch of %d failed and is run again one by one", len(batch))
        for each in batch:
            _answer(model, [each])
    else:
        run = Run(began, time.perf_counter() - began)
        for each, forecast in zip(batch, forecasts, strict=True):
            each.waiter.take(forecast, run)
        # one by one, but right after one another: to send wakes whoever reads, which costs as
        # much as all else here, and is free while that one is awake
        for each in batch:
            each.waiter.send()
