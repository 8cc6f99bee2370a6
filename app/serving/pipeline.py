"""
The way of one forecast, whichever door it came by: begun as a query, finished with its forecast.

    door: parse ─► choose ─► begin ─► queue and run ─► finish ─► door: write

`begin` holds what was posted against the version that answers; `finish` records the forecast,
counts it and lets a shadow forecast too. Between them the query waits with others
(`MicroBatcher`), or is run in a thread where its history is long.
"""

import asyncio
import math
import time
from collections.abc import Callable
from functools import lru_cache, partial
from threading import Event
from typing import Final, NamedTuple, TypeVar

from app.artifact.manifest import BARS
from app.errors import NextdayError, Unforecastable, WindowTooShort
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model, adapts_by, answering_part, forecast_adapted
from app.inference.microbatching import MicroBatcher, Run, Waiter
from app.inference.model_store import ModelStore
from app.inference.worker_threads import (
    INLINE_BYTES,
    INLINE_WINDOWS,
    LowPriorityThread,
    Receive,
    Work,
    WorkerThreads,
)
from app.market_data.date_checks import NO_DATES, DateReport
from app.market_data.price_validation import select_fields
from app.observability import metrics
from app.observability.request_record import Headers, RequestRecord
from app.serving import canary
from app.serving.canary import Choice, Shadow

_T = TypeVar("_T")

DEFAULT_LEVELS: Final = (80.0, 95.0)
"""Of the intervals, in percent, where none are asked for."""


class ForecastRequest(NamedTuple):
    """What was posted, checked as far as that needs no model."""

    model: str
    version: int | None
    """A version to pin; None for the one that is served."""
    history: Floats
    """(sessions, 1) of prices or (sessions, 4) of bars, oldest first."""
    levels: tuple[float, ...] | None = None
    """The intervals asked for, in percent; None for `DEFAULT_LEVELS`."""
    own_quantiles: bool = False
    """Whether the intervals are those between the model's own quantiles, the widest first."""
    strict: bool = False
    """Whether what looks damaged is refused."""
    dates: DateReport = NO_DATES

    @property
    def is_bars(self) -> bool:
        """Tell whether bars were posted, and not prices alone."""
        return bool(self.history.shape[1] == len(BARS))

    @property
    def field(self) -> str:
        """The member that held the history, for errors."""
        return "bars" if self.is_bars else "prices"


class ForecastQuery(NamedTuple):
    """A request, held against the version that answers it."""

    request: ForecastRequest
    choice: Choice
    part: Model
    """The version that answers, or its part for closes alone."""
    history: Floats
    """(sessions, fields): the fields that `part` reads."""
    levels: tuple[float, ...]
    """The intervals to give, in percent."""

    @property
    def window(self) -> Floats:
        """The newest sessions, as many as the model looks back on."""
        sessions = self.part.manifest.window
        return self.history if len(self.history) == sessions else self.history[-sessions:]

    @property
    def is_long(self) -> bool:
        """Tell whether there is history to adapt the intervals by."""
        sessions = len(self.history)
        return sessions > self.part.manifest.window and adapts_by(self.part, sessions) > 0

    def adapted(self, _: Event) -> tuple[Forecast | None, Run]:
        """Forecast with intervals adapted by the history, which takes milliseconds."""
        began = time.perf_counter()
        forecast = forecast_adapted(self.part, self.history, self.levels)
        return forecast, Run(began, time.perf_counter() - began)


def query_for(request: ForecastRequest, choice: Choice) -> ForecastQuery:
    """
    Hold a request against a version.

    Raises BadInput where the version reads bars and has no part for prices alone, and
    WindowTooShort where the history is shorter than its window.
    """
    is_bars, history = request.is_bars, request.history
    part = answering_part(choice.model, bars=is_bars)
    manifest, field = part.manifest, "prices"
    if is_bars:
        history, field = select_fields(history, manifest.fields), f"bars.{manifest.target}"
    if len(history) < manifest.window:
        raise WindowTooShort(manifest.window, len(history), field=field)
    if request.own_quantiles:
        levels = own_levels(manifest.quantiles)
    else:
        levels = levels_of(part, request.levels)
    return ForecastQuery(request, choice, part, history, levels)


def levels_of(part: Model, wanted: tuple[float, ...] | None) -> tuple[float, ...]:
    """Return the intervals to give, in percent; a point model has none."""
    if not part.manifest.quantiles:
        return ()
    return DEFAULT_LEVELS if wanted is None else wanted


@lru_cache(64)
def own_levels(quantiles: tuple[float, ...]) -> tuple[float, ...]:
    """Return the intervals between a model's own quantiles, in percent, the widest first."""
    return tuple(100 * (1 - 2 * low) for low in quantiles[: len(quantiles) // 2])


class Pipeline:
    """What every door calls between a parsed body and its answer."""

    def __init__(
        self,
        store: ModelStore,
        batcher: MicroBatcher,
        workers: WorkerThreads,
        pinned: LowPriorityThread,
    ) -> None:
        """Answer by the versions of a store; `pinned` loads those that are not in memory."""
        self._store = store
        self._pinned = pinned
        self._batcher = batcher
        self._workers = workers

    def admit(self, body_bytes: int | None = 0) -> None:
        """
        Raise TooBusy where as many wait as may, before a body of this announced size is read.

        A large one, or one of unknown size (None), is for the worker threads.
        """
        if body_bytes is None or body_bytes > INLINE_BYTES:
            self._workers.admit()
        else:
            self._batcher.admit()

    def choose_loaded(
        self, name: str, version: int | None, headers: Headers, content: bytes
    ) -> Choice | None:
        """
        Choose who answers, from memory alone; None where a pinned version has to be loaded.

        Raises NoSuchModel, NoSuchVersion and ArtifactRejected.
        """
        if version is not None:
            model = self._store.loaded(name, version)
            return None if model is None else Choice(model)
        served, trial = self._store.answering(name)
        if trial is None:
            return Choice(served)
        return canary.choose(served, trial, headers, content)

    async def choose(
        self, name: str, version: int | None, headers: Headers, content: bytes
    ) -> Choice:
        """
        Choose who answers, as `choose_loaded` does; load a version that is not in memory.

        Raises TooBusy where many others wait for theirs.
        """
        choice = self.choose_loaded(name, version, headers, content)
        if choice is None and version is not None:
            load = partial(self._store.pinned, name, version)
            choice = Choice(await self._pinned.run(load))
        assert choice is not None  # noqa: S101 - what is served is in memory
        return choice

    def begin(
        self, request: ForecastRequest, choice: Choice, record: RequestRecord
    ) -> ForecastQuery:
        """Hold a request against the version that answers; raises what `query_for` does."""
        query = query_for(request, choice)
        manifest = query.part.manifest
        record.model, record.version = manifest.name, manifest.version
        return query

    def put(self, query: ForecastQuery, waiter: Waiter) -> None:
        """Let a query wait for its forecast, together with others; raises TooBusy."""
        self._batcher.put(query.part, query.window, query.levels, waiter)

    def finish(
        self, query: ForecastQuery, forecast: Forecast | None, run: Run, record: RequestRecord
    ) -> Forecast:
        """
        Record and count what came of a query, and let a shadow forecast from it too.

        Raises Unforecastable where the forecast is not finite.
        """
        record.wait_s, record.run_s = run.began - record.arrived, run.seconds
        record.windows = 1
        if forecast is None:
            error = Unforecastable(
                "the moves in this window are too large for a finite forecast",
                field=None if query.request.own_quantiles else query.request.field,
            )
            canary.count(query.choice, error)
            raise error
        record.outside = int(forecast.outside)
        if query.choice.on_trial:
            canary.count(query.choice)
            self._shadow(query, forecast)
        return forecast

    async def forecast(
        self, query: ForecastQuery, record: RequestRecord, receive: Receive
    ) -> Forecast:
        """Forecast from a query; raises TooBusy, Unforecastable, Abandoned."""
        await open_network(query.part)
        try:
            if query.is_long:
                # hundreds of forecasts would keep the event loop
                forecast, run = await self._workers.run(query.adapted, receive)
            else:
                forecast, run = await self._batcher.forecast(query.part, query.window, query.levels)
        except Exception as error:
            canary.count(query.choice, error)
            raise
        return self.finish(query, forecast, run, record)

    async def run(self, work: Work[_T], receive: Receive, *, windows: float = math.inf) -> _T:
        """
        Run the forecasts of many windows: in a thread, or on the event loop where they are few.

        Raises TooBusy.
        """
        return await self._workers.run(work, receive, is_short=windows <= INLINE_WINDOWS)

    async def parse(self, work: Callable[[], _T], receive: Receive, body_bytes: int) -> _T:
        """
        Parse a body of so many bytes: at once, or in a thread where that takes longer.

        Raises TooBusy.
        """
        if body_bytes <= INLINE_BYTES:
            return work()
        return await self._workers.run(lambda _: work(), receive)

    def _shadow(self, query: ForecastQuery, answered: Forecast) -> None:
        """Let the candidate that is run unseen forecast too, where there is one and room."""
        candidate = query.choice.shadow
        if candidate is None:
            return
        waiting = Shadow(candidate.manifest, answered)
        try:
            other = query_for(query.request, Choice(candidate))
            self.put(other, waiting)
        except NextdayError as error:
            waiting.fail(error)


def record_choice(part: Model, record: RequestRecord) -> None:
    """Record who answers a request."""
    record.model, record.version = part.manifest.name, part.manifest.version


def recorded_run(
    forecast_all: Callable[[], _T], windows: int, choice: Choice, record: RequestRecord
) -> _T:
    """Forecast from the many windows of one request, and record and count what came of it."""
    began, manifest = time.perf_counter(), choice.model.manifest
    with canary.counted(choice):
        answer = forecast_all()
    metrics.record_run(manifest.name, manifest.version, windows)
    record.windows = windows
    record.wait_s, record.run_s = began - record.arrived, time.perf_counter() - began
    return answer


async def open_network(part: Model) -> None:
    """Open a network that was closed to make room, off the event loop."""
    if not part.network.ready:
        await asyncio.to_thread(part.network.open)
