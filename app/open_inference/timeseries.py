"""
/v1/timeseries: KServe's forecast API, for those who already speak it.

Source: KServe, "Time Series Forecast API" (kserve/kserve#4615). A forecast is of the next session
alone. Its time is that of the series' first session and as many sessions more: days where the
frequency is `D`, which is right for what is traded every day, weekdays where it is `B`, which that
API lacks, so that there Friday's forecast is Saturday's.
"""

import asyncio
import math
import sys
import time
import uuid
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from app.errors import BadInput, NotSupported
from app.market_data.price_validation import validate_prices
from app.serving.canary import Choice
from app.serving.pipeline import ForecastRequest
from app.transport import request_body
from app.transport.dependencies import StoreDependency, record_of, state_of
from app.transport.headers import announced_length
from app.transport.openapi_examples import SERIES_EXAMPLES
from app.transport.problem_details import documented

router = APIRouter(prefix="/v1/timeseries", tags=["KServe time series"])

_DAYS: Final = {"D", "day"}
_WEEKDAYS: Final = {"B", "business_day"}
_MEDIAN: Final = 0.5

_Quantile = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class _Posted(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Series(_Posted):
    """The newest prices of one instrument, oldest first."""

    type: Literal["univariate_time_series", "multivariate_time_series"]
    name: Annotated[str, Field(max_length=256)]
    series: Annotated[list[Any], Field(min_length=1)]
    frequency: Annotated[str, Field(max_length=32)]
    """`D` for every day, `B` for weekdays."""
    start_timestamp: Annotated[str, Field(max_length=64)] | None = None
    """When the first of the series was, by ISO 8601."""


class Options(_Posted):
    """What to forecast of it."""

    horizon: int
    """1: the next session."""
    quantiles: Annotated[list[_Quantile], Field(max_length=32)] | None = None


class TimeseriesRequest(_Posted):
    """Series to forecast."""

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
    openapi_extra=request_body.described(TimeseriesRequest, SERIES_EXAMPLES),
)
async def forecast_series(request: Request) -> Response:
    """
    Post series of prices, oldest first; `mean_forecast` is the median, the model's one number.

    One series that cannot be forecast from is an error of the whole request, which says where.
    """
    state, headers = state_of(request), request.scope["headers"]
    pipeline = state["pipeline"]
    pipeline.admit(announced_length(headers) or 0)
    content = await request_body.read(request, state["settings"].max_body_bytes)
    read = partial(request_body.parse, TimeseriesRequest, content)
    posted = await pipeline.parse(read, request.receive, len(content))
    if posted.options.horizon != 1:
        raise NotSupported("the models forecast the next session: horizon 1", field="horizon")
    choice = await pipeline.choose(posted.model, None, headers, content)
    answers = await asyncio.gather(
        *(_content(request, posted, choice, index) for index in range(len(posted.inputs)))
    )
    record_of(request).windows = len(answers)
    written = {
        "id": f"forecast-{uuid.uuid4().hex}",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "model": posted.model,
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


async def _content(
    request: Request, posted: TimeseriesRequest, choice: Choice, index: int
) -> dict[str, Any]:
    """Forecast one series."""
    pipeline, record = state_of(request)["pipeline"], record_of(request)
    series, wanted = posted.inputs[index], posted.options.quantiles or []
    field = f"inputs[{index}]"
    if series.type != "univariate_time_series":
        raise NotSupported(f"{field}: post bars to /predict", field=f"{field}.type")
    starts = _next(series, f"{field}.frequency")
    levels = {quantile: 100 * abs(1 - 2 * quantile) for quantile in wanted if quantile != _MEDIAN}
    try:
        history = validate_prices(_numbers(series.series))
        single = ForecastRequest(posted.model, None, history, tuple(levels.values()))
        query = pipeline.begin(single, choice, record)
        forecast = await pipeline.forecast(query, record, request.receive)
    except BadInput as error:
        error.field = f"{field}.series"
        raise
    if wanted and not query.part.manifest.quantiles:
        raise NotSupported("this model forecasts a point and has no quantiles", field="quantiles")
    ends = dict(zip(levels, forecast.intervals, strict=True))
    return {
        "type": series.type,
        "name": series.name,
        "mean_forecast": [forecast.prediction],
        "frequency": series.frequency,
        "start_timestamp": starts,
        "quantiles": {
            str(quantile): [
                ends[quantile][quantile > _MEDIAN] if quantile in ends else forecast.prediction
            ]
            for quantile in wanted
        }
        or None,
    }


def _numbers(series: list[Any]) -> list[float]:
    """Return a series as floats; raise BadInput with the first element that is no number."""
    for row, value in enumerate(series):
        if type(value) not in {int, float}:
            raise BadInput(f"element {row} is not a number", index=row)
    # a whole number beyond the largest: refused as no price, by row
    return [math.inf if abs(value) > sys.float_info.max else float(value) for value in series]


def _next(series: Series, field: str) -> str | None:
    """Return when the session after a series is; None where nothing says when the series was."""
    if series.frequency not in _DAYS | _WEEKDAYS:
        raise NotSupported("the models forecast daily sessions: D or B", field=field)
    if series.start_timestamp is None:
        return None
    try:
        first = datetime.fromisoformat(series.start_timestamp)
        steps = len(series.series)
        if series.frequency in _DAYS:
            day = first.date() + timedelta(days=steps)
        else:
            day = np.busday_offset(first.date(), steps).astype(date)
        after = datetime.combine(day, first.timetz())
    except (ValueError, OverflowError):
        raise BadInput(
            "start_timestamp must be a time by ISO 8601, on a weekday where the frequency is B",
            field="start_timestamp",
        ) from None
    is_date = len(series.start_timestamp) == len("2026-01-02")
    return after.date().isoformat() if is_date else after.isoformat()
