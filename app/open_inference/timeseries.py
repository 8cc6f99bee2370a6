"""
/v1/timeseries: KServe's forecast API, for those who already speak it.

Source: KServe, "Time Series Forecast API" (kserve/kserve#4615). A forecast is of the next session
alone. Its time is that of the series' first session and as many sessions more: days where the
frequency is `D`, which is right for what is traded every day, weekdays where it is `B`, which that
API lacks, so that there Friday's forecast is Saturday's.
"""

import asyncio
import time
import uuid
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from app.api import predict
from app.api.examples import SERIES_EXAMPLES
from app.api.schemas import PredictRequest
from app.errors import BadInput, NotSupported
from app.serving.app_state import StoreDependency, state_of
from app.transport import request_body
from app.transport.problem_details import documented, record_of

router = APIRouter(prefix="/v1/timeseries", tags=["KServe time series"])

_DAYS: Final = {"D", "day"}
_WEEKDAYS: Final = {"B", "business_day"}
_MEDIAN: Final = 0.5
_POSTED: Final = ConfigDict(strict=True, extra="ignore", frozen=True)

_Quantile = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Series(BaseModel):
    """The newest prices of one instrument, oldest first."""

    model_config = _POSTED

    type: Literal["univariate_time_series", "multivariate_time_series"]
    name: Annotated[str, Field(max_length=256)]
    series: Annotated[list[Any], Field(min_length=1)]
    frequency: Annotated[str, Field(max_length=32)]
    """`D` for every day, `B` for weekdays."""
    start_timestamp: Annotated[str, Field(max_length=64)] | None = None
    """When the first of the series was, by ISO 8601."""


class Options(BaseModel):
    """What to forecast of it."""

    model_config = _POSTED

    horizon: int
    """1: the next session."""
    quantiles: Annotated[list[_Quantile], Field(max_length=32)] | None = None


class ForecastRequest(BaseModel):
    """Series to forecast."""

    model_config = _POSTED

    model: str
    inputs: Annotated[list[Series], Field(min_length=1, max_length=32)]
    options: Options


@router.get("/models", summary="The models that forecast series")
async def list_series_models(store: StoreDependency) -> dict[str, Any]:
    """List the models that take prices of a single field."""
    names = [
        name
        for name, model in sorted(store.served.items())
        if len(model.manifest.fields) == 1 or model.close_only
    ]
    return {"models": [{"id": name, "object": "model", "owned_by": "nextday"} for name in names]}


@router.post(
    "/forecast",
    summary="Forecast the next session of series",
    responses=documented(400, 404, 413, 415, 422, 503),
    openapi_extra=request_body.described(ForecastRequest, SERIES_EXAMPLES),
)
async def forecast_series(request: Request) -> Response:
    """
    Post series of prices, oldest first; `mean_forecast` is the median, the model's one number.

    One series that cannot be forecast from is an error of the whole request, which says where.
    """
    content = await request_body.read(request, state_of(request)["settings"].max_body_bytes)
    question = request_body.parse(ForecastRequest, content)
    if question.options.horizon != 1:
        raise NotSupported("the models forecast the next session: horizon 1", field="horizon")
    answers = await asyncio.gather(
        *(_content(request, question, index) for index in range(len(question.inputs)))
    )
    record_of(request).windows = len(answers)
    written = {
        "id": f"forecast-{uuid.uuid4().hex}",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "model": question.model,
        "outputs": [
            {
                "type": "time_series_forecast",
                "id": f"output-{index}",
                "status": "completed",
                "content": [answer],
                "error": None,
            }
            for index, answer in enumerate(answers)
        ],
    }
    return Response(to_json(written), media_type="application/json")


async def _content(request: Request, question: ForecastRequest, index: int) -> dict[str, Any]:
    """Forecast one series."""
    posted, asked = question.inputs[index], question.options.quantiles or []
    field = f"inputs[{index}]"
    if posted.type != "univariate_time_series":
        raise NotSupported(f"{field}: post bars to /predict", field=f"{field}.type")
    starts = _next(posted, f"{field}.frequency")
    levels = {quantile: 100 * abs(1 - 2 * quantile) for quantile in asked if quantile != _MEDIAN}
    prices = to_json(
        {"model": question.model, "prices": posted.series, "levels": [*levels.values()]}
    )
    try:
        given, made = await predict.forecast_of(
            request, request_body.parse(PredictRequest, prices), prices
        )
    except BadInput as error:
        error.field = f"{field}.series"
        raise
    if asked and not given.part.manifest.quantiles:
        raise NotSupported("this model forecasts a point and has no quantiles", field="quantiles")
    ends = dict(zip(levels, made.intervals, strict=True))
    return {
        "type": posted.type,
        "name": posted.name,
        "mean_forecast": [made.prediction],
        "frequency": posted.frequency,
        "start_timestamp": starts,
        "quantiles": {
            str(quantile): [
                ends[quantile][quantile > _MEDIAN] if quantile in ends else made.prediction
            ]
            for quantile in asked
        }
        or None,
    }


def _next(posted: Series, field: str) -> str | None:
    """Return when the session after a series is; None where nothing says when the series was."""
    if posted.frequency not in _DAYS | _WEEKDAYS:
        raise NotSupported("the models forecast daily sessions: D or B", field=field)
    if posted.start_timestamp is None:
        return None
    try:
        first = datetime.fromisoformat(posted.start_timestamp)
        steps = len(posted.series)
        if posted.frequency in _DAYS:
            day = first.date() + timedelta(days=steps)
        else:
            day = np.busday_offset(first.date(), steps).astype(date)
        after = datetime.combine(day, first.timetz())
    except (ValueError, OverflowError):
        raise BadInput(
            "start_timestamp must be a time by ISO 8601, on a weekday where the frequency is B",
            field="start_timestamp",
        ) from None
    is_date = len(posted.start_timestamp) == len("2026-01-02")
    return after.date().isoformat() if is_date else after.isoformat()
