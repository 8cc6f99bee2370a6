"""POST /predict/batch: the forecasts of many instruments, in slices; those of few, at once."""

import time
from collections.abc import Iterator
from functools import partial
from threading import Event
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from app.api import answer_warnings
from app.api.examples import BATCH_EXAMPLES
from app.api.schemas import (
    MAX_WINDOWS,
    Bars,
    BatchRequest,
    BatchResponse,
    BatchWarning,
    Columns,
    ItemError,
    Window,
    WindowOfBars,
)
from app.artifact.manifest import PriceField
from app.errors import Abandoned, BadInput, NotJson, Suspicious, Unforecastable
from app.forecasting.arrays import Bools, Floats
from app.forecasting.forecaster import Forecasts, Model, answering_part, forecast
from app.inference.model_store import ModelStore
from app.inference.worker_threads import INLINE_BYTES, INLINE_WINDOWS
from app.market_data import anomalies, price_validation
from app.market_data.anomalies import DataWarning
from app.observability import metrics
from app.observability.request_record import RequestRecord
from app.serving import canary
from app.serving.app_state import state_of
from app.serving.canary import Choice
from app.transport import json_slicing, request_body
from app.transport.headers import Headers
from app.transport.problem_details import documented, kind_of, record_of

PATH: Final = "/predict/batch"

router = APIRouter(tags=["forecasts"])

_Indices: TypeAlias = NDArray[np.intp]

_MOST_TOLD: Final = 1_000
"""Windows that look odd and are told of one by one: of more there is a word."""


class _KnownBars(Bars):
    """Bars with no other member."""

    model_config = ConfigDict(extra="forbid")


_many_prices = TypeAdapter(list[Annotated[list[float], Field(strict=True, fail_fast=True)]])
_many_bars = TypeAdapter(list[_KnownBars])


@router.post(
    PATH,
    summary="Forecast the next session of many instruments",
    response_model=BatchResponse,
    responses=documented(400, 404, 413, 415, 422, 503),
    openapi_extra=request_body.described(BatchRequest, BATCH_EXAMPLES),
)
async def predict_batch(request: Request) -> Response:
    """
    Post up to 10,000 windows, of prices or bars; the answer is columns of that length and order.

    A window that cannot be forecast from is null in every column, with its reason in `errors`.
    Of a history longer than the model's window the newest part is used, and nothing else: here
    it does not adapt the intervals, which `/predict` does for a single instrument.
    """
    state = state_of(request)
    store, background = state["store"], state["background"]
    background.admit()
    content = await request_body.read(request, state["settings"].max_batch_body_bytes)
    asked = _Asked(store, request.scope["headers"], content, record_of(request))
    if len(content) > INLINE_BYTES:
        written = await background.run(asked.read_and_answer, request.receive)
    else:
        posted = _parse(content)
        work, is_short = partial(asked.answer, posted), asked.is_short(posted)
        written = await background.run(work, request.receive, is_short=is_short)
    return Response(written, media_type="application/json")


class _Asked(NamedTuple):
    """A request."""

    store: ModelStore
    headers: Headers
    content: bytes
    seen: RequestRecord

    def is_short(self, posted: "_Posted") -> bool:
        """Tell whether there are few forecasts to make, and nothing to be opened for them."""
        if posted.windows > INLINE_WINDOWS or posted.question.version is not None:
            return False
        model = self._choose(posted.question).model
        parts = (part for part in (model, model.close_only) if part is not None)
        return all(part.network.ready for part in parts)

    def read_and_answer(self, gone: Event) -> bytes:
        """Read what was posted, and answer it."""
        return self.answer(_parse(self.content), gone)

    def answer(self, posted: "_Posted", gone: Event) -> bytes:
        """Answer what was posted, unless the client has gone; then raise Abandoned."""
        seen, began = self.seen, time.perf_counter()
        choice = self._choose(posted.question)
        manifest = choice.model.manifest
        seen.model, seen.version = manifest.name, manifest.version
        with canary.counted(choice):
            try:
                written = _written(posted, choice.model, seen, gone)
            except ValueError:
                # said of the body as it was posted, which is none either
                request_body.parse(BatchRequest, self.content)
                raise
        metrics.record_run(manifest.name, manifest.version, posted.windows)
        seen.windows = posted.windows
        seen.wait_s, seen.run_s = began - seen.arrived, time.perf_counter() - began
        return written

    def _choose(self, question: BatchRequest) -> Choice:
        if question.version is None:
            return canary.choose(self.store, question.model, self.headers, self.content)
        return Choice(self.store.pinned(question.model, question.version))


class _Posted(NamedTuple):
    question: BatchRequest
    """With a stand-in for its items."""
    parts: list[bytes]
    """The items, in slices."""
    windows: int
    """How many items there are."""


def _written(posted: _Posted, model: Model, seen: RequestRecord, gone: Event) -> bytes:
    question = posted.question
    bars = question.bars is not None
    part = answering_part(model, bars=bars)
    levels = answer_warnings.levels_of(part, question.levels)
    target = part.manifest.target
    answered = _Answered(posted.windows, levels, target, is_strict=question.strict)
    for number, text in enumerate(posted.parts):
        if gone.is_set():
            raise Abandoned
        answered.add(part, text, number * json_slicing.ITEMS, bars=bars)
    seen.outside = answered.outside
    skill, of_model = answer_warnings.of_model(model, part)
    answer = BatchResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        predictions=answered.predictions.tolist(),
        last_prices=answered.last_prices.tolist(),
        intervals={
            # the shortest decimal form: 80, 97.5
            np.format_float_positional(level, trim="-"): Columns(
                low=low.tolist(), high=high.tolist()
            )
            for level, (low, high) in zip(
                levels, answered.intervals.transpose(1, 2, 0), strict=True
            )
        },
        skill=skill,
        warnings=[
            *(
                BatchWarning(**answer_warnings.warning_of(remark), index=index)
                for index, remark in (
                    *answered.told(),
                    *((None, each) for each in answer_warnings.of_levels(question.levels, levels)),
                )
            ),
            *(BatchWarning(**warning, index=None) for warning in of_model),
        ],
        errors=[
            ItemError(index=index, code=kind_of(fault).code, message=str(fault))
            for index, fault in sorted(answered.faults.items())
        ],
    )
    # what no forecast was written over is no number still, and null in the answer
    return to_json(answer, inf_nan_mode="null")


def _parse(content: bytes) -> _Posted:
    for member in ("windows", "bars"):
        cut = json_slicing.cut(content, member)
        if cut is None:
            continue
        try:
            question = request_body.parse(BatchRequest, cut.rest)
            count = json_slicing.ITEMS * (len(cut.slices) - 1) + len(from_json(cut.slices[-1]))
        except (NotJson, ValueError):
            # said of the body as it was posted, below
            break
        if getattr(question, member) == [cut.mark]:
            if count > MAX_WINDOWS:
                raise BadInput(
                    f"{member}: there may be at most {MAX_WINDOWS} of them", field=member
                )
            return _Posted(question, cut.slices, count)
    # of a shape that we cannot cut: parsed whole, and cut then
    question = request_body.parse(BatchRequest, content)
    items = (question.windows if question.bars is None else question.bars) or []
    return _Posted(question, json_slicing.of_items(items), len(items))


class _Answered:
    """The columns of an answer, and what could not be answered."""

    def __init__(
        self, windows: int, levels: tuple[float, ...], target: PriceField, *, is_strict: bool
    ) -> None:
        self.predictions: Floats = np.full(windows, np.nan)
        self.last_prices: Floats = np.full(windows, np.nan)
        self.intervals: Floats = np.full((windows, len(levels), 2), np.nan)
        self.outside = 0
        self.faults: dict[int, BadInput] = {}
        self._levels = levels
        self._target = target
        self._is_strict = is_strict
        self._told: list[tuple[int, DataWarning]] = []
        self._looked_at = 0

    def told(self) -> Iterator[tuple[int | None, DataWarning]]:
        """Yield what looks damaged, and of which window."""
        yield from self._told
        more = self._looked_at - _MOST_TOLD
        if more > 0 and not self._is_strict:
            message = f"{more} more window(s) look odd, and were not looked at closely"
            yield None, DataWarning("more_suspicions", message)
        if self.outside:
            yield None, answer_warnings.outside(self.outside)

    def add(self, part: Model, text: bytes, start: int, *, bars: bool) -> None:
        """Answer a slice, whose first item is the one of number `start`."""
        windows, places = self._read(part, text, start, bars=bars)
        if not len(windows):
            return
        forecasts = forecast(part, windows, self._levels)
        usable: Bools = forecasts.usable
        odd = self._odd(forecasts) & usable
        if odd.any():
            self._look(text, start, windows.shape[1], forecasts, np.flatnonzero(odd), places)
            if self._is_strict:
                usable &= [index not in self.faults for index in places.tolist()]
        at = places[usable]
        self.predictions[at] = forecasts.predictions[usable]
        self.last_prices[at] = forecasts.last_prices[usable]
        self.intervals[at] = forecasts.intervals[usable]
        self.outside += int((forecasts.outside & usable).sum())
        for index in places[~usable].tolist():
            fault = Unforecastable("the moves in this window are too large")
            self.faults.setdefault(index, fault)

    def _odd(self, forecasts: Forecasts) -> Bools:
        """Tell of which windows there may be something to say, each by itself."""
        odd = forecasts.suspects
        if forecasts.novelties is not None:
            odd = odd | (forecasts.novelties >= 1)
        # of these, else, there is a word for all of them
        return odd | forecasts.outside if self._is_strict else odd

    def _look(  # noqa: PLR0913, PLR0917 - a slice, and what is known of it
        self,
        text: bytes,
        start: int,
        sessions: int,
        forecasts: Forecasts,
        odd: _Indices,
        places: _Indices,
    ) -> None:
        """Say what is odd about windows, in the rows that were posted."""
        items = from_json(text)
        for at in odd.tolist():
            self._looked_at += 1
            if self._looked_at > _MOST_TOLD and not self._is_strict:
                continue
            index = int(places[at])
            item = items[index - start]
            column = item[self._target] if isinstance(item, dict) else item
            first = len(column) - sessions
            found = anomalies.explain(np.array(column[first:], np.float64)[:, None], first)
            # what looks damaged is unusual by that
            if not found and forecasts.novelties is not None and forecasts.novelties[at] >= 1:
                found.append(answer_warnings.UNLIKE_TRAINING)
            if self._is_strict:
                found += [answer_warnings.outside(1)] if forecasts.outside[at] else []
                for remark in found[:1]:
                    message = f"{remark.code}: {remark.message}"
                    self.faults[index] = Suspicious(message, index=remark.row)
            else:
                self._told += [(index, remark) for remark in found]

    def _read(self, part: Model, text: bytes, start: int, *, bars: bool) -> tuple[Floats, _Indices]:
        """Return the windows of a slice that are fine, and their places; note what is wrong."""
        try:
            windows = _together(part, text, bars=bars)
        except (ValidationError, BadInput):
            # one of them at least is not fine, and what is wrong with it has to be told
            pass
        else:
            return windows, np.arange(start, start + len(windows))
        rows: list[Floats] = []
        places: list[int] = []
        for index, item in enumerate(from_json(text), start):
            try:
                rows.append(_alone(part, item, bars=bars))
            except BadInput as fault:
                self.faults[index] = fault
            else:
                places.append(index)
        return np.asarray(rows), np.asarray(places, np.intp)


def _together(part: Model, text: bytes, *, bars: bool) -> Floats:
    """Check the items of a slice all at once, which is fast and does not say what is wrong."""
    manifest = part.manifest
    if bars:
        many = [each.columns for each in _many_bars.validate_json(text)]
        return price_validation.validate_many_bars(many, manifest.fields, sessions=manifest.window)
    return price_validation.validate_many_prices(
        _many_prices.validate_json(text), sessions=manifest.window
    )


def _alone(part: Model, item: Any, *, bars: bool) -> Floats:  # noqa: ANN401 - whatever was posted
    """Check one item; raise BadInput with the member and the row at fault."""
    manifest = part.manifest
    try:
        if bars:
            window = WindowOfBars.model_validate({"bars": item})
            request_body.refuse_unknown(window)
            posted = price_validation.validate_bars(
                window.bars.columns, manifest.fields, least=manifest.window
            )
        else:
            prices = Window.model_validate({"prices": item}).prices
            posted = price_validation.validate_prices(prices, least=manifest.window)
    except ValidationError as error:
        raise request_body.bad_input(error) from None
    return posted[-manifest.window :]
