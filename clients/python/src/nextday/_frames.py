"""
pandas in and out; imported where a frame is, and nowhere else.

A frame goes to the service as CSV: it is the service that knows how vendors name their columns,
and so a frame and the file that it was read from have the same forecast. Nothing is left out on
the way that the service refuses, or asks a calendar for: times of day go along, and their offsets.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

from nextday.errors import BadFrame

if TYPE_CHECKING:
    import types

    import pandas as pd

    from nextday.answers import BatchForecast, Forecast

_FIELDS = frozenset({"open", "high", "low", "close"})
_MOST_ROWS = 10_000_000
"""Whole numbers below it that have no name count rows; above it are dates, as in 20260105."""
_NAMED = 8
"""Instruments that a message names."""


def is_frame(given: object) -> TypeGuard[pd.DataFrame | pd.Series[float]]:
    """Tell whether something is a frame, or a Series by instrument and date, without importing."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return False
    return isinstance(given, pandas.DataFrame) or (
        isinstance(given, pandas.Series) and given.index.nlevels > 1
    )


def to_csv(prices: pd.DataFrame | pd.Series[float]) -> bytes:
    """
    Write daily bars, or closes, as the service reads them.

    Days are written as such, and moments with their time of day and offset. Raises BadFrame where
    it is no frame, is empty, or has several instruments side by side.
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
    if not _counts_rows(frame.index):
        label = frame.index.name
        if frame.index.nlevels == 1:
            # a name that says nothing, rather than one that may be wrong
            label = ("Date" if _is_dated(frame.index) else "") if label is None else label
            frame = frame.rename_axis(label)
        frame = frame.reset_index(allow_duplicates=True)
    columns = {at: _written(frame.iloc[:, at]) for at in range(frame.shape[1])}
    text: str = pandas.DataFrame(columns).to_csv(index=False, header=[*map(str, frame.columns)])
    return text.encode()


def _counts_rows(index: pd.Index) -> bool:
    pandas = _pandas()
    if isinstance(index, pandas.RangeIndex):
        return True
    is_number = index.nlevels == 1 and pandas.api.types.is_integer_dtype(index.dtype)
    return is_number and index.name is None and bool(index.max() < _MOST_ROWS)


def _is_dated(index: pd.Index) -> bool:
    pandas = _pandas()
    return isinstance(index, (pandas.DatetimeIndex, pandas.PeriodIndex)) or (
        index.inferred_type in {"date", "datetime"}
    )


def _written(column: pd.Series) -> pd.Series:
    """Write days without a time; leave moments, which a clock has, as they are."""
    pandas = _pandas()
    if isinstance(column.dtype, pandas.PeriodDtype):
        column = column.dt.to_timestamp()
    is_zoned = isinstance(column.dtype, pandas.DatetimeTZDtype)
    if not is_zoned and not pandas.api.types.is_datetime64_dtype(column.dtype):
        return column
    # the day at the exchange, wherever its clock is
    clock = (column.dt.tz_localize(None) if is_zoned else column).dropna()
    if (clock == clock.dt.normalize()).all():
        days: pd.Series = column.dt.strftime("%Y-%m-%d")
        return days
    return column


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the names of prices where columns have two levels, as yfinance gives them."""
    columns = frame.columns
    pandas = _pandas()
    if columns.nlevels == 1 and all(isinstance(name, tuple) for name in columns):
        # a frame without columns is of none either
        columns = pandas.MultiIndex.from_tuples(columns) if len(columns) else columns
    levels = range(columns.nlevels)
    named = [[str(name) for name in columns.get_level_values(level)] for level in levels]
    at = next(
        (at for at, each in enumerate(named) if _FIELDS & {name.lower() for name in each}), None
    )
    if at is None:
        if len(named) > 1:
            raise BadFrame("no level of the columns names open, high, low or close")
        return frame
    others = [
        " ".join(filter(None, other))
        for other in zip(*(each for level, each in enumerate(named) if level != at), strict=True)
    ] or [""] * len(columns)
    # of a column such as ('Date', ''), the level that says something
    names = [name or other for name, other in zip(named[at], others, strict=True)]
    if len(set(names)) < len(names):
        beside = [other for name, other in zip(named[at], others, strict=True) if name and other]
        raise _side_by_side(list(dict.fromkeys(beside)))
    return frame.set_axis(names, axis=1)


def _side_by_side(instruments: list[str]) -> BadFrame:
    if len(instruments) < 2:  # noqa: PLR2004 - more than one
        return BadFrame("columns have the same name: give one instrument at a time")
    listed = ", ".join(instruments[:_NAMED]) + (", …" if len(instruments) > _NAMED else "")
    return BadFrame(
        f"the frame holds {len(instruments)} instruments side by side ({listed}): give one"
        " instrument at a time, or stack them below each other for predict_batch"
    )


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
    """Return an answer as one row for each window, by instrument where they have names."""
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
    if batch.instruments is not None:
        frame.index = pandas.Index(batch.instruments, name="instrument")
    return frame


def _pandas() -> types.ModuleType:
    try:
        import pandas  # noqa: ICN001, PLC0415 - an extra, and 0.3 s to import
    except ImportError:
        raise BadFrame("pandas is not installed: pip install 'nextday-client[pandas]'") from None
    return pandas
