"""POST /predict/batch: the forecasts of many instruments, in slices; those of few, at once."""

import math
from collections.abc import Iterable, Iterator
from functools import partial
from threading import Event
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from app.api import csv_upload, predict_codec
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
    warning_of,
)
from app.artifact.manifest import BARS, PriceField
from app.errors import (
    Abandoned,
    BadInput,
    BadTable,
    BodyTooLarge,
    NotJson,
    Suspicious,
    Unforecastable,
)
from app.forecasting.arrays import Bools, Floats
from app.forecasting.forecaster import Forecasts, Model, answering_part, forecast
from app.market_data import anomalies
from app.market_data.anomalies import DataWarning
from app.market_data.price_files import reader
from app.market_data.price_files.table import Table
from app.market_data.price_validation import (
    require_sessions,
    select_fields,
    validate_bars,
    validate_many_bars,
    validate_many_prices,
    validate_prices,
)
from app.observability.request_record import RequestRecord
from app.serving import answer_warnings
from app.serving.pipeline import levels_of, record_choice, recorded_run
from app.transport import headers as http
from app.transport import json_slicing, request_body
from app.transport.dependencies import record_of, room_of, state_of
from app.transport.encoded_answer import EncodedAnswer
from app.transport.json_slicing import Slice
from app.transport.openapi_examples import BATCH_EXAMPLES
from app.transport.problem_details import documented, kind_of

PATH: Final = "/predict/batch"

router = APIRouter(tags=["forecasts"])

_Indices: TypeAlias = NDArray[np.intp]

_NUMBER_BYTES: Final = 64
"""That a number of an answer takes while it is written: in an array, a list and as text."""
_WHITE: Final = b" \t\n\r"

_MOST_TOLD: Final = 1_000
"""Windows that look odd and are told of one by one: of more there is a word."""


class _KnownBars(Bars):
    """Bars with no other member."""

    model_config = ConfigDict(extra="forbid")


_many_prices = TypeAdapter(list[Annotated[list[float], Field(fail_fast=True)]])
_many_bars = TypeAdapter(list[_KnownBars])


@router.post(
    PATH,
    summary="Forecast the next session of many instruments",
    response_model=BatchResponse,
    responses=documented(400, 404, 413, 415, 422, 503),
    openapi_extra=csv_upload.described(
        request_body.described(BatchRequest, BATCH_EXAMPLES), csv_upload.BATCH_PARAMETERS
    ),
)
async def predict_batch(request: Request) -> Response:
    """
    Post up to 10,000 windows, of prices or bars; the answer is columns of that length and order.

    A CSV file of many instruments below each other, with a column that names them, does as well:
    `instruments` then names them in the order of the answer, and `Accept: text/csv` answers with a
    line for each.

    A window that cannot be forecast from is null in every column, with its reason in `errors`.
    Of a history longer than the model's window the newest part is used, and nothing else: here
    it does not adapt the intervals, which `/predict` does for a single instrument.
    """
    state, record = state_of(request), record_of(request)
    pipeline, headers, settings = state["pipeline"], request.scope["headers"], state["settings"]
    pipeline.admit(None)
    if csv_upload.is_table(headers):
        content = await request_body.read(
            request, settings.max_batch_body_bytes, media_type=csv_upload.MEDIA_TYPE
        )
        read = partial(_parse_table, content, csv_upload.batch_parameters(request.query_params))
    else:
        content = await request_body.read(request, settings.max_batch_body_bytes)
        read = partial(_parse, content, settings.max_body_bytes)
    posted = await pipeline.parse(read, request.receive, len(content))
    question = posted.question
    choice = await pipeline.choose(question.model, question.version, headers, content)
    record_choice(choice.model, record)
    wanted = None if question.levels is None else tuple(question.levels)
    intervals = levels_of(choice.model, wanted)
    room_of(request).grow_by(posted.windows * (2 + 2 * len(intervals)) * _NUMBER_BYTES)

    def work(gone: Event) -> bytes:
        answer = partial(_written, posted, choice.model, record, gone)
        return recorded_run(answer, posted.windows, choice, record)

    parts = (choice.model, choice.model.close_only)
    is_open = all(part.network.ready for part in parts if part is not None)
    windows = posted.windows if is_open else math.inf
    made = await pipeline.run(work, request.receive, windows=windows)
    if posted.tables is not None and http.prefers(
        headers, csv_upload.MEDIA_TYPE, request_body.JSON
    ):
        return Response(csv_upload.written_batch(from_json(made)), media_type="text/csv")
    return EncodedAnswer(made).response


class _Posted(NamedTuple):
    question: BatchRequest
    """With a stand-in for its items."""
    slices: list[Slice]
    windows: int
    """How many items there are."""
    tables: dict[str, Table | BadTable] | None = None
    """Of each instrument what was read of a file, where one was posted."""


def _written(posted: _Posted, model: Model, seen: RequestRecord, gone: Event) -> bytes:
    question = posted.question
    bars = question.bars is not None
    part = answering_part(model, bars=bars)
    levels_asked = None if question.levels is None else tuple(question.levels)
    levels = levels_of(part, levels_asked)
    target = part.manifest.target
    answered = _Answered(posted.windows, levels, target, is_strict=question.strict)
    if posted.tables is not None:
        answered.add_tables(posted.tables.values())
    start = 0
    for each in posted.slices:
        if gone.is_set():
            raise Abandoned
        try:
            answered.add(part, each.text, start, bars=bars)
        except ValueError:
            member = "bars" if bars else "windows"
            raise NotJson(f"the body is not JSON: at {member}[{start}], or soon after") from None
        start += each.items
    seen.outside = answered.outside
    description = predict_codec.describe(model, part)
    answer = BatchResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        instruments=None if posted.tables is None else list(posted.tables),
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
        skill=description.skill,
        warnings=[
            *(
                BatchWarning(**warning_of(warning), index=index)
                for index, warning in (
                    *answered.told(),
                    *((None, each) for each in answer_warnings.of_levels(levels_asked, levels)),
                )
            ),
            *(BatchWarning(**warning, index=None) for warning in description.warnings),
        ],
        errors=[
            ItemError(index=index, code=kind_of(fault).code, message=str(fault))
            for index, fault in sorted(answered.faults.items())
        ],
    )
    # what no forecast was written over is no number still, and null in the answer
    return to_json(answer, inf_nan_mode="null")


def _parse(content: bytes, most_whole: int) -> _Posted:
    """Read a body, cut along its windows; what cannot be cut may hold `most_whole` bytes."""
    content = content.strip(_WHITE)
    for member in ("windows", "bars"):
        cut = json_slicing.cut(content, member, most_items=MAX_WINDOWS, most_bytes=most_whole)
        if cut is None:
            continue
        if cut.items > MAX_WINDOWS:
            raise BadInput(f"{member}: there may be at most {MAX_WINDOWS} of them", field=member)
        try:
            question = request_body.parse(BatchRequest, cut.rest)
        except NotJson:
            # said of the body as it was posted, below
            break
        if getattr(question, member) == [cut.mark]:
            return _Posted(question, cut.slices, cut.items)
    # of a shape that we cannot cut: parsed whole, and cut then
    if len(content) > most_whole:
        raise BodyTooLarge(most_whole, "one window, of what is beside them, or of windows in lists")
    question = request_body.parse(BatchRequest, content)
    items = (question.windows if question.bars is None else question.bars) or []
    return _Posted(question, json_slicing.of_items(items), len(items))


def _parse_table(content: bytes, asked: dict[str, object]) -> _Posted:
    """Read a file of many instruments as the bars of each, or as closes where some have no bars."""
    tables = reader.read_many(content)
    if len(tables) > MAX_WINDOWS:
        raise BadTable(
            f"the file holds {len(tables)} instruments; there may be at most {MAX_WINDOWS}"
        )
    sound = [table for table in tables.values() if not isinstance(table, BadTable)]
    if not sound:
        # all of them are wrong, and most likely in the same way
        raise next(fault for fault in tables.values() if isinstance(fault, BadTable))
    has_bars = all(field in table.columns for table in sound for field in BARS)
    if not has_bars and not all("close" in table.columns for table in sound):
        raise BadTable("the file has no column of closes")
    # what could not be read stands for itself as a window without prices
    none: Any = {field: [] for field in BARS} if has_bars else []
    items = [
        none
        if isinstance(table, BadTable)
        else table.columns
        if has_bars
        else table.columns["close"]
        for table in tables.values()
    ]
    posted = asked | {"bars" if has_bars else "windows": []}
    return _Posted(
        BatchRequest.model_validate(posted), json_slicing.of_items(items), len(items), tables
    )


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

    def add_tables(self, tables: Iterable[Table | BadTable]) -> None:
        """Note what is wrong with the instruments of a file, and what looks damaged in them."""
        for index, table in enumerate(tables):
            if isinstance(table, BadTable):
                self.faults[index] = table
                continue
            damage = answer_warnings.of_damage(table.warnings)
            if self._is_strict and damage:
                self.faults[index] = Suspicious(f"{damage[0].code}: {damage[0].message}")
            else:
                self._told += [(index, warning) for warning in table.warnings]

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
        if self.faults and self._is_strict:
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
            history = self._history(item)
            first = len(history) - sessions
            found = anomalies.explain(history[first:], first)
            # what looks damaged is unusual by that
            if not found and forecasts.novelties is not None and forecasts.novelties[at] >= 1:
                found.append(answer_warnings.UNLIKE_TRAINING)
            if self._is_strict:
                found += [answer_warnings.outside(1)] if forecasts.outside[at] else []
                for warning in found[:1]:
                    message = f"{warning.code}: {warning.message}"
                    self.faults[index] = Suspicious(message, index=warning.row)
            else:
                self._told += [(index, warning) for warning in found]

    def _history(self, item: Any) -> Floats:  # noqa: ANN401 - a checked item, as it was posted
        """Return what was posted of a window, (sessions, fields): all of its bars for a close."""
        if not isinstance(item, dict):
            return np.array(item, np.float64)[:, None]
        fields = BARS if self._target == "close" else (self._target,)
        return np.array([item[field] for field in fields], np.float64).T

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
                # what is said already is of the file that this was read from
                self.faults.setdefault(index, fault)
            else:
                places.append(index)
        return np.asarray(rows), np.asarray(places, np.intp)


def _together(part: Model, text: bytes, *, bars: bool) -> Floats:
    """Check the items of a slice all at once, which is fast and does not say what is wrong."""
    manifest = part.manifest
    if bars:
        many = [each.columns for each in _many_bars.validate_json(text)]
        return validate_many_bars(many, manifest.fields, sessions=manifest.window)
    # "187.2" and true are no prices
    many_prices = _many_prices.validate_json(text, strict=True)
    return validate_many_prices(many_prices, sessions=manifest.window)


def _alone(part: Model, item: Any, *, bars: bool) -> Floats:  # noqa: ANN401 - whatever was posted
    """Check one item; raise BadInput with the member and the row at fault."""
    manifest = part.manifest
    try:
        if bars:
            window = WindowOfBars.model_validate({"bars": item})
            request_body.refuse_unknown(window)
            history = select_fields(validate_bars(window.bars.columns), manifest.fields)
        else:
            prices = Window.model_validate({"prices": item}).prices
            history = validate_prices(prices)
    except ValidationError as error:
        raise request_body.bad_input(error) from None
    field = f"bars.{manifest.target}" if bars else "prices"
    return require_sessions(history, manifest.window, field)[-manifest.window :]
