"""
pandas in and out; imported where a frame is, and nowhere else.

A frame goes to the service as CSV: it is the service that knows how vendors name their columns,
and so a frame and the file that it was read from have the same forecast.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nextday.errors import BadFrame

if TYPE_CHECKING:
    import types

    import pandas as pd

    from nextday.answers import BatchForecast, Forecast

_FIELDS = frozenset({"open", "high", "low", "close"})
_DATE_NAMES = frozenset({"date", "datetime", "timestamp", "time", "day"})
_DATE_TYPES = frozenset({"date", "datetime", "string"})
_unneeded = re.compile(r"[^a-z]")


def to_csv(prices: pd.DataFrame | pd.Series[float]) -> bytes:
    """
    Write daily bars, or closes, as the service reads them.

    Raises BadFrame where it is no frame, or one of several instruments.
    """
    pandas = _pandas()
    if isinstance(prices, pandas.Series):
        name = str(prices.name).lower()
        frame = prices.to_frame(name if name in _FIELDS else "close")
    elif isinstance(prices, pandas.DataFrame):
        frame = _flat(prices)
    else:
        raise BadFrame(f"a DataFrame or a Series is wanted, was given {type(prices).__name__}")
    if frame.empty:
        raise BadFrame("the frame is empty")
    if frame.index.nlevels > 1:
        # instrument and date: the service refuses more than one
        frame = frame.reset_index()
    index = frame.index
    if isinstance(index, pandas.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pandas.DatetimeIndex):
        # the day at the exchange, wherever its clock is
        frame = frame.set_axis(index.strftime("%Y-%m-%d"), axis=0)
        is_dated = True
    else:
        name = _unneeded.sub("", str(index.name).lower())
        is_dated = name in _DATE_NAMES or index.inferred_type in _DATE_TYPES
    text: str = frame.to_csv(index=is_dated, index_label="Date", date_format="%Y-%m-%d")
    return text.encode()


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the names of prices where columns have two levels, as yfinance gives them."""
    levels = range(frame.columns.nlevels)
    named = [[str(name) for name in frame.columns.get_level_values(level)] for level in levels]
    names = next((each for each in named if _FIELDS & {name.lower() for name in each}), None)
    if names is None:
        if len(named) > 1:
            raise BadFrame("no level of the columns names open, high, low or close")
        return frame
    if len(set(names)) < len(names):
        raise BadFrame("columns have the same name: give one instrument at a time")
    return frame.set_axis(names, axis=1)


def of_forecast(forecast: Forecast) -> pd.DataFrame:
    """Return an answer as one row, as the service writes it in CSV."""
    row: dict[str, object] = {
        "model": forecast.model,
        "version": forecast.version,
        "target": forecast.target,
        "last_price": forecast.last_price,
        "prediction": forecast.prediction,
        "naive": forecast.naive,
    }
    for interval in forecast.intervals:
        row[f"low_{interval.level:g}"] = interval.low
        row[f"high_{interval.level:g}"] = interval.high
    row["warnings"] = " ".join(notice.code for notice in forecast.warnings)
    pandas = _pandas()
    when = pandas.DatetimeIndex([forecast.forecast_date], name="forecast_date")
    frame: pd.DataFrame = pandas.DataFrame([row], index=when)
    return frame


def of_batch(batch: BatchForecast) -> pd.DataFrame:
    """Return an answer as one row for each window."""
    columns: dict[str, object] = {
        "last_price": batch.last_prices,
        "prediction": batch.predictions,
    }
    for level, bounds in batch.intervals.items():
        columns[f"low_{level}"] = bounds.low
        columns[f"high_{level}"] = bounds.high
    pandas = _pandas()
    frame: pd.DataFrame = pandas.DataFrame(columns, dtype=float)
    reasons = {failure.index: failure.message for failure in batch.errors}
    frame["error"] = pandas.Series(reasons, dtype=object).reindex(frame.index)
    return frame


def _pandas() -> types.ModuleType:
    try:
        import pandas  # noqa: ICN001, PLC0415 - an extra, and 0.3 s to import
    except ImportError:
        raise BadFrame("pandas is not installed: pip install 'nextday-client[pandas]'") from None
    return pandas
