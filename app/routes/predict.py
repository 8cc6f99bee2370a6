"""POST /predict and POST /predict/batch."""

from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from app.errors import BadInput, Unforecastable
from app.forecast import Model, forecast, forecast_one, newest_window
from app.problems import documented, kind_of
from app.routes import body
from app.routes.state import TheSettings, TheStore
from app.scaling import Floats
from app.schemas import (
    BATCH_EXAMPLES,
    PREDICT_EXAMPLES,
    BatchRequest,
    BatchResponse,
    ItemError,
    PredictRequest,
    PredictResponse,
    Skill,
    Warning_,
    Window,
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
    Post the newest prices, oldest first: at least as many as the model's window.

    The answer holds the naive forecast beside the model's own, and the model's measured skill.
    """
    question = body.parse(PredictRequest, await body.read(request, settings.max_body_bytes))
    if question.version is None:
        model = store.current(question.model)
    else:
        model = await run_in_threadpool(store.pinned, question.model, question.version)
    window = newest_window(question.prices, model.manifest.window)
    forecasts = forecast_one(model, window)
    last_price = float(forecasts.last_prices[0])
    answer = PredictResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        forecast_date=None,
        last_price=last_price,
        prediction=float(forecasts.predictions[0]),
        naive=last_price,
        intervals=[],
        skill=Skill.of(model.manifest.scores),
        warnings=_warnings(model, outside=int(forecasts.outside.sum()), levels=question.levels),
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.post(
    "/predict/batch",
    summary="Forecast the next session of many instruments",
    response_model=BatchResponse,
    responses=_PROBLEMS,
    openapi_extra=_document(BatchRequest, BATCH_EXAMPLES),
)
async def predict_batch(request: Request, settings: TheSettings, store: TheStore) -> Response:
    """
    Post up to 10,000 windows; the answer is columns of the same length and order.

    A window that cannot be forecast from is null in every column, with its reason in `errors`.
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
    rows: list[Floats] = []
    places: list[int] = []
    faults: dict[int, BadInput] = {}
    for index, prices in enumerate(question.windows):
        try:
            rows.append(_window(prices, model.manifest.window))
        except BadInput as fault:
            faults[index] = fault
        else:
            places.append(index)
    predictions: list[float | None] = [None] * len(question.windows)
    last_prices: list[float | None] = predictions.copy()
    outside = 0
    if rows:
        forecasts = forecast(model, np.stack(rows))
        outside = int((forecasts.outside & forecasts.usable).sum())
        for row, index in enumerate(places):
            if forecasts.usable[row]:
                predictions[index] = float(forecasts.predictions[row])
                last_prices[index] = float(forecasts.last_prices[row])
            else:
                faults[index] = Unforecastable("the moves in this window are too large")
    answer = BatchResponse(
        model=model.manifest.name,
        version=model.manifest.version,
        target=model.manifest.target,
        predictions=predictions,
        last_prices=last_prices,
        intervals={},
        skill=Skill.of(model.manifest.scores),
        warnings=_warnings(model, outside=outside, levels=question.levels),
        errors=[
            ItemError(index=index, code=kind_of(fault).code, message=str(fault))
            for index, fault in sorted(faults.items())
        ],
    )
    return answer.model_dump_json()


def _window(prices: Any, sessions: int) -> Floats:  # noqa: ANN401 - whatever was posted
    try:
        item = Window.model_validate({"prices": prices})
    except ValidationError as error:
        raise body.bad_input(error) from None
    return newest_window(item.prices, sessions)


def _warnings(model: Model, *, outside: int, levels: list[float] | None) -> list[Warning_]:
    """Say what the caller should know: of this answer, and of this model."""
    warnings = []
    scores = model.manifest.scores
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
    if levels:
        message = "this model forecasts a point and has no intervals to give"
        warnings.append(Warning_(code="no_intervals", message=message))
    return warnings
