"""The bodies of POST /predict: JSON into a request, a forecast into JSON."""

from datetime import date
from typing import Annotated, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from app.api.schemas import (
    DEFAULT_MODEL,
    AnswerWarning,
    CalibrationUsed,
    Interval,
    PredictRequest,
    PredictResponse,
    Skill,
    skill_of,
    warning_of,
)
from app.forecasting.forecaster import Forecast, IntervalBasis, Model
from app.market_data.date_checks import NO_DATES, check_dates
from app.market_data.price_files.table import Table
from app.market_data.price_validation import validate_bars, validate_prices
from app.serving import answer_warnings
from app.serving.pipeline import ForecastQuery, ForecastRequest
from app.transport import request_body


class _PlainBars(msgspec.Struct, forbid_unknown_fields=True):
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]


_Level = Annotated[float, msgspec.Meta(gt=0, lt=100)]


class _PlainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`PredictRequest` once more, for a parser that is three times as fast and explains less."""

    model: str = DEFAULT_MODEL
    version: Annotated[int, msgspec.Meta(ge=1)] | None = None
    levels: Annotated[list[_Level], msgspec.Meta(max_length=32)] | None = None
    strict: bool = False
    prices: list[float] | None = None
    bars: _PlainBars | None = None
    dates: list[date] | None = None
    calendar: Annotated[str, msgspec.Meta(max_length=32)] | None = None


_decoder = msgspec.json.Decoder(_PlainRequest)


def parse(content: bytes) -> ForecastRequest:
    """
    Read a body: an object with exactly one of `prices` and `bars`.

    Raises NotJson, BadInput, BadPrice, BadDate and NoSuchCalendar, with the member and the row
    at fault.
    """
    try:
        plain = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # NaN, which is no JSON, passes here, and is refused by row below
        return checked(request_body.parse(PredictRequest, content))
    if (plain.prices is None) == (plain.bars is None):
        return checked(request_body.parse(PredictRequest, content))
    return checked(plain)


def checked(posted: _PlainRequest | PredictRequest) -> ForecastRequest:
    """Check the prices and dates of a body; raises what `parse` does."""
    bars, dates = posted.bars, NO_DATES
    if bars is None:
        history = validate_prices(posted.prices or [])
    else:
        history = validate_bars(
            {"open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
        )
    if posted.dates is not None or posted.calendar is not None:
        dates = check_dates(posted.dates, posted.calendar, len(history))
    return ForecastRequest(
        model=posted.model,
        version=posted.version,
        history=history,
        levels=None if posted.levels is None else tuple(posted.levels),
        strict=posted.strict,
        dates=dates,
    )


def answer(query: ForecastQuery, forecast: Forecast, table: Table | None = None) -> PredictResponse:
    """
    Return the answer; rows are those of the table that was posted, where there was one.

    Raises Suspicious where what was posted looks damaged and the caller is strict.
    """
    request, manifest, dates = query.request, query.part.manifest, query.request.dates
    warnings = answer_warnings.of_data(query, forecast)
    if table is not None:
        found = {(warning.code, warning.row) for warning in warnings}
        # in the rows before those that the forecast rests on
        older = [each for each in table.damage if (each.code, each.row) not in found]
        warnings = [*table.warnings, *map(table.located, warnings), *older]
    if request.strict:
        answer_warnings.refuse(warnings, request.field)
    if not query.levels:
        warnings += answer_warnings.of_levels(request.levels, query.levels)
    described = describe(query.choice.model, query.part)
    return PredictResponse(
        model=manifest.name,
        version=manifest.version,
        target=manifest.target,
        forecast_date=dates.forecast_date,
        sessions_missing=dates.sessions_missing,
        last_price=forecast.last_price,
        prediction=forecast.prediction,
        naive=forecast.last_price,
        intervals=_intervals(query.levels, forecast),
        calibration=_calibration(forecast.basis),
        skill=described.skill,
        novelty=forecast.novelty,
        warnings=[*map(warning_of, warnings), *described.warnings],
    )


class Description(NamedTuple):
    """What is said of a model beside each of its forecasts, whatever was posted."""

    skill: Skill
    warnings: tuple[AnswerWarning, ...]


def describe(model: Model, part: Model) -> Description:
    """Return what is said of a model, `part` of which answers; made once for each."""
    found = _descriptions.get(part)
    if found is None:
        warnings = tuple(map(warning_of, answer_warnings.of_model(model, part)))
        found = _descriptions[part] = Description(skill_of(part.manifest.scores), warnings)
    return found


# it must not keep a model that nobody serves any more
_descriptions: WeakKeyDictionary[Model, Description] = WeakKeyDictionary()


def _calibration(basis: IntervalBasis | None) -> CalibrationUsed | None:
    if basis is None:
        return None
    return CalibrationUsed(method=basis.method, sessions=basis.sessions)


def _intervals(levels: tuple[float, ...], forecast: Forecast) -> list[Interval]:
    if not levels:
        return []
    basis = forecast.basis
    shares: list[float | None] = (
        [None] * len(levels) if basis is None or basis.coverage is None else basis.coverage.tolist()
    )
    return [
        Interval(level=level, low=low, high=high, coverage=share)
        for level, (low, high), share in zip(levels, forecast.intervals, shares, strict=True)
    ]
