"""POST /predict and POST /predict/batch."""

import math
from functools import partial
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from app import history
from app.errors import BadInput, Unforecastable
from app.examples import BATCH_EXAMPLES, PREDICT_EXAMPLES
from app.forecast import Basis, Forecasts, Model, adapts_by, answering, forecast, forecast_one
from app.problems import documented, kind_of
from app.routes import body
from app.routes.state import TheSettings, TheStore
from app.scaling import Floats
from app.schemas import (
    Bars,
    BatchRequest,
    BatchResponse,
    CalibrationUsed,
    Columns,
    Interval,
    ItemError,
    PredictRequest,
    PredictResponse,
    Skill,
    Warning_,
    Window,
    WindowOfBars,
)
from app.store import Store

router = APIRouter(tags=["forecasts"])

_NOT_WORSE: Final = 1.01
"""Errors up to this ratio to naive's earn no warning: a short test cannot tell them apart."""


def _document(kind: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route reads itself, for the OpenAPI document."""
    content = {"schema": kind.model_json_schema(), "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


_PROBLEMS = documented(400, 404, 413, 415, 422, 503)


@router.post(
    "/predict",
    summary="Forecast the next session of one instrument",
    response_model=PredictResponse,
    responses=_PROBLEMS,
    openapi_extra=_document(PredictRequest, PREDICT_EXAMPLES),
)
async def predict(request: Request, settings: TheSettings, store: TheStore) -> Response:
    """
    Post the newest prices or bars, oldest first: at least as many as the model's window.

    A model of bars answers prices by a network for closes alone, whose intervals are wider; a
    model of a single field takes that column of the bars. More history than the window adapts
    the intervals to the instrument, where the model has them and there are at least sixty
    sessions more: `calibration` then says `history`, and each interval which share of those
    sessions it would have held.

    The answer holds the naive forecast beside the model's own, and the model's measured skill.
    """
    question = body.parse(PredictRequest, await body.read(request, settings.max_body_bytes))
    if question.version is None:
        model = store.current(question.model)
    else:
        model = await run_in_threadpool(store.pinned, question.model, question.version)
    bars = question.bars is not None
    part = answering(model, bars=bars)
    levels = _levels(part, question)
    posted = _history(part, question.prices, question.bars)
    answer = partial(forecast_one, part, posted, levels, field="bars" if bars else "prices")
    if adapts_by(part, len(posted)):
        # hundreds of forecasts would keep the event loop; a single one costs less than a hop
        forecasts, basis = await run_in_threadpool(answer)
    else:
        forecasts, basis = answer()
    last_price = float(forecasts.last_prices[0])
    response = PredictResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        forecast_date=None,
        last_price=last_price,
        prediction=float(forecasts.predictions[0]),
        naive=last_price,
        intervals=_intervals(levels, forecasts, basis),
        calibration=basis and CalibrationUsed(method=basis.method, sessions=basis.sessions),
        skill=Skill.of(part.manifest.scores),
        warnings=_warnings(
            model, part, outside=int(forecasts.outside.sum()), levels=question.levels
        ),
    )
    return Response(response.model_dump_json(), media_type="application/json")


@router.post(
    "/predict/batch",
    summary="Forecast the next session of many instruments",
    response_model=BatchResponse,
    responses=_PROBLEMS,
    openapi_extra=_document(BatchRequest, BATCH_EXAMPLES),
)
async def predict_batch(request: Request, settings: TheSettings, store: TheStore) -> Response:
    """
    Post up to 10,000 windows, of prices or bars; the answer is columns of that length and order.

    A window that cannot be forecast from is null in every column, with its reason in `errors`.
    Of a history longer than the model's window the newest part is used, and nothing else: here
    it does not adapt the intervals, which `/predict` does for a single instrument.
    """
    content = await body.read(request, settings.max_batch_body_bytes)
    # off the event loop: parsing a large body and running it would keep single requests waiting
    answer = await run_in_threadpool(_answer_batch, store, content)
    return Response(answer, media_type="application/json")


def _answer_batch(store: Store, content: bytes) -> str:
    question = body.parse(BatchRequest, content)
    if question.version is None:
        model = store.current(question.model)
    else:
        model = store.pinned(question.model, question.version)
    bars = question.bars is not None
    part = answering(model, bars=bars)
    levels = _levels(part, question)
    items = (question.bars if bars else question.windows) or []
    rows: list[Floats] = []
    places: list[int] = []
    faults: dict[int, BadInput] = {}
    for index, item in enumerate(items):
        try:
            rows.append(_window(part, item, bars=bars))
        except BadInput as fault:
            faults[index] = fault
        else:
            places.append(index)
    # what no forecast is written over stays no number, and is null in the answer
    predictions = np.full(len(items), np.nan)
    last_prices, intervals = predictions.copy(), np.full((len(items), len(levels), 2), np.nan)
    outside = 0
    if rows:
        forecasts = forecast(part, np.stack(rows), levels)
        usable, at = forecasts.usable, np.asarray(places)
        predictions[at[usable]] = forecasts.predictions[usable]
        last_prices[at[usable]] = forecasts.last_prices[usable]
        intervals[at[usable]] = forecasts.intervals[usable]
        outside = int((forecasts.outside & usable).sum())
        for index in at[~usable].tolist():
            faults[index] = Unforecastable("the moves in this window are too large")
    answer = BatchResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        predictions=_column(predictions),
        last_prices=_column(last_prices),
        intervals={
            # the shortest decimal form: 80, 97.5
            np.format_float_positional(level, trim="-"): Columns(
                low=_column(low), high=_column(high)
            )
            for level, (low, high) in zip(levels, intervals.transpose(1, 2, 0), strict=True)
        },
        skill=Skill.of(part.manifest.scores),
        warnings=_warnings(model, part, outside=outside, levels=question.levels),
        errors=[
            ItemError(index=index, code=kind_of(fault).code, message=str(fault))
            for index, fault in sorted(faults.items())
        ],
    )
    return answer.model_dump_json()


def _window(part: Model, item: Any, *, bars: bool) -> Floats:  # noqa: ANN401 - whatever was posted
    try:
        if bars:
            window = WindowOfBars.model_validate({"bars": item})
            body.refuse_unknown(window)
            posted = _history(part, None, window.bars)
        else:
            posted = _history(part, Window.model_validate({"prices": item}).prices, None)
    except ValidationError as error:
        raise body.bad_input(error) from None
    return posted[-part.manifest.window :]


def _history(part: Model, prices: list[float] | None, bars: Bars | None) -> Floats:
    """Check the one of them that was posted."""
    manifest = part.manifest
    if bars is not None:
        return history.of_bars(bars.columns, manifest.fields, least=manifest.window)
    return history.of_prices(prices or [], least=manifest.window)


def _levels(part: Model, question: PredictRequest | BatchRequest) -> tuple[float, ...]:
    return question.asked_levels if part.manifest.quantiles else ()


def _intervals(
    levels: tuple[float, ...], forecasts: Forecasts, basis: Basis | None
) -> list[Interval]:
    [ends] = forecasts.intervals.tolist()
    measured = basis.coverage if basis else None
    shares = [None] * len(levels) if measured is None else measured.tolist()
    return [
        Interval(level=level, low=low, high=high, coverage=share)
        for level, (low, high), share in zip(levels, ends, shares, strict=True)
    ]


def _column(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _warnings(
    model: Model, part: Model, *, outside: int, levels: list[float] | None
) -> list[Warning_]:
    """Say what the caller should know: of this answer, and of the part of the model it is from."""
    warnings = []
    scores = part.manifest.scores
    if part is not model:
        message = "this model reads bars and was given prices; its intervals are wider for it"
        warnings.append(Warning_(code="close_only", message=message))
    if outside:
        message = (
            f"{outside} window(s) hold prices beyond those that the model was fitted on;"
            " its forecasts there are extrapolation"
        )
        warnings.append(Warning_(code="outside_training_range", message=message))
    if scores.mae_vs_naive > _NOT_WORSE:
        message = (
            f"on {scores.sessions} held-out sessions this model's mean absolute error was"
            f" {scores.mae_vs_naive:.2f} times that of the naive forecast; use `naive`"
        )
        warnings.append(Warning_(code="worse_than_naive", message=message))
    if levels and not part.manifest.quantiles:
        message = "this model forecasts a point and has no intervals to give"
        warnings.append(Warning_(code="no_intervals", message=message))
    return warnings
