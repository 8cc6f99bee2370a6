"""What a caller is warned of beside a forecast."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from app.errors import Suspicious
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model, adapts_by
from app.market_data import anomalies
from app.market_data.anomalies import DataWarning
from app.serving.pipeline import ForecastQuery

_NOT_WORSE: Final = 1.01
"""Errors up to this ratio to naive's earn no warning: a short test cannot tell them apart."""

UNLIKE_TRAINING: Final = DataWarning(
    "unlike_training", "these prices move as in no window that the model was fitted on"
)

_HARMLESS: Final = frozenset({"calendar_disagrees", "event_rows"})
"""Codes of what is no fault of the data."""

_NO_INTERVALS: Final = DataWarning(
    "no_intervals", "this model forecasts a point and has no intervals to give"
)


def of_data(query: ForecastQuery, forecast: Forecast) -> list[DataWarning]:
    """Warn of what looks damaged in dates and prices, by row."""
    request, part = query.request, query.part
    found = [*request.dates.warnings]
    damaged: list[DataWarning] = []
    if forecast.is_suspect:
        # no more than what the forecast rests on
        used = adapts_by(part, len(query.history)) + part.manifest.window
        first = max(0, len(query.history) - used)
        damaged = anomalies.explain(_explaining(query)[first:], first)
    found += damaged
    # what looks damaged is unusual by that
    if not damaged and forecast.novelty is not None and forecast.novelty >= 1:
        found.append(UNLIKE_TRAINING)
    if forecast.outside:
        found.append(outside(1))
    if request.dates.newest is not None:
        found += _of_fitted(part, request.dates.newest)
    return found


def _explaining(query: ForecastQuery) -> Floats:
    """Return all of the bars that were posted, where the close is forecast: they say more."""
    request = query.request
    is_of_closes = request.is_bars and query.part.manifest.target == "close"
    return request.history if is_of_closes else query.history


def of_levels(
    wanted: tuple[float, ...] | None, given: tuple[float, ...]
) -> tuple[DataWarning, ...]:
    """Warn that intervals were asked for and are not given."""
    return (_NO_INTERVALS,) if wanted and not given else ()


def of_model(model: Model, part: Model) -> Iterator[DataWarning]:
    """Warn of a model beside each of its forecasts, whatever was posted; `part` answers."""
    scores = part.manifest.scores
    if part is not model:
        message = "this model reads bars and was given prices; its intervals are wider for it"
        yield DataWarning("close_only", message)
    if scores.mae_vs_naive > _NOT_WORSE:
        message = (
            f"on {scores.sessions} held-out sessions this model's mean absolute error was"
            f" {scores.mae_vs_naive:.2f} times that of the naive forecast; use `naive`"
        )
        yield DataWarning("worse_than_naive", message)


def outside(windows: int) -> DataWarning:
    """Warn that so many windows lie beyond what the scaler was fitted on."""
    message = (
        f"{windows} window(s) hold prices beyond those that the model was fitted on;"
        " its forecasts there are extrapolation"
    )
    return DataWarning("outside_training_range", message)


def refuse(warnings: list[DataWarning], field: str) -> None:
    """
    Raise Suspicious with the first warning about the data, where there is one.

    A calendar that disagrees is none: right prices are not refused for a wrong table. Nor are the
    lines of dividends, which were left out as they should be.
    """
    for first in of_damage(warnings)[:1]:
        raise Suspicious(f"{first.code}: {first.message}", field=field, index=first.row)


def of_damage(warnings: Sequence[DataWarning]) -> list[DataWarning]:
    """Return those warnings that a strict caller does not accept."""
    return [warning for warning in warnings if warning.code not in _HARMLESS]


def _of_fitted(part: Model, last: date) -> Iterator[DataWarning]:
    """Warn that a model was fitted on what it is to forecast from a history that ends so."""
    fitted_to = part.manifest.trained_on.last
    if last < fitted_to:
        message = (
            f"the model was fitted on sessions to {fitted_to}, of this instrument or of others: its"
            " forecasts of those say nothing of how good it is"
        )
        yield DataWarning("in_sample", message)
