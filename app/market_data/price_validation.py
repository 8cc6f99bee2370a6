"""What a caller posts, checked: prices or bars become histories (sessions, fields) of float64."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

import numpy as np

from app.artifact.manifest import BARS, PriceField
from app.errors import BadInput, BadPrice, WindowTooShort
from app.forecasting.arrays import Bools, Floats

_ROUNDING: Final = 1e-4
"""A relative one that a feed may have done: it lets a low lie above an open by so much."""

Columns: TypeAlias = Mapping[PriceField, Sequence[float]]


def validate_prices(prices: Sequence[float]) -> Floats:
    """
    Return a history (sessions, 1) of prices, oldest first.

    Raises BadPrice where any of them is not finite or not above zero, also where it is old:
    such a list has been damaged on its way.
    """
    column = _column(prices, "prices")
    # in place: a view of it would be a second array, which waits with the first
    column.resize((len(column), 1), refcheck=False)
    return column


def validate_bars(bars: Columns) -> Floats:
    """
    Return a history (sessions, 4) of bars: open, high, low and close, oldest first.

    Raises BadInput where the four are not of one length; BadPrice as `validate_prices` does, and
    where a low lies above its open or close, or a high below, by more than rounding.
    """
    posted = [bars[field] for field in BARS]
    sessions = len(posted[0])
    for field, prices in zip(BARS, posted, strict=True):
        if len(prices) != sessions:
            raise BadInput(
                f"bars.{field} holds {len(prices)} prices and bars.open {sessions};"
                " all four must be of one length",
                field=f"bars.{field}",
            )
    columns = np.array(posted, np.float64)
    for field, column in zip(BARS, columns, strict=True):
        _priced(column, f"bars.{field}")
    _possible(columns)
    return columns.T


def select_fields(bars: Floats, fields: Sequence[PriceField]) -> Floats:
    """Return the columns of bars (sessions, 4) that a model reads: all of them, or a single one."""
    if len(fields) == len(BARS):
        return bars
    at = BARS.index(fields[0])
    return bars[:, at : at + 1]


def require_sessions(history: Floats, least: int, field: str) -> Floats:
    """Return a history (sessions, fields); raise WindowTooShort where it holds fewer sessions."""
    if len(history) < least:
        raise WindowTooShort(least, len(history), field=field)
    return history


def validate_many_prices(many: Sequence[Sequence[float]], *, sessions: int) -> Floats:
    """
    Return the newest sessions of many histories at once, (n, sessions, 1).

    What `validate_prices` refuses in any of them ends in BadInput here, which does not say where.
    """
    return _newest(many, sessions, "windows")[0][:, :, None]


def validate_many_bars(
    many: Sequence[Columns], fields: Sequence[PriceField], *, sessions: int
) -> Floats:
    """
    Return the newest sessions of many histories of bars at once, (n, sessions, fields).

    What `validate_bars` refuses in any of them ends in BadInput here, which does not say where.
    """
    newest, whole = {}, {}
    for field in BARS:
        columns = [bars[field] for bars in many]
        if any(
            len(column) != len(bars["open"]) for column, bars in zip(columns, many, strict=True)
        ):
            raise BadInput("the columns of some bars are not of one length")
        newest[field], whole[field] = _newest(columns, sessions, f"bars.{field}")
    _possible(np.array([whole[field] for field in BARS]))
    return np.stack([newest[field] for field in fields], axis=2)


def validate_windows(windows: Floats, fields: Sequence[PriceField], *, field: str) -> None:
    """
    Check windows (n, sessions, fields) as they came; raise BadPrice with the first bad element.

    Elements are counted through all windows in order, rows of bars likewise.
    """
    _priced(windows.ravel(), field)
    if tuple(fields) == BARS:
        _possible(windows.reshape(-1, len(BARS)).T, within=f"{field}.")


def _newest(many: Sequence[Sequence[float]], sessions: int, field: str) -> tuple[Floats, Floats]:
    """Return the newest of each history (n, sessions), and all of them in one row."""
    lengths = np.fromiter(map(len, many), np.intp, len(many))
    if lengths.min() < sessions:
        raise WindowTooShort(sessions, int(lengths.min()), field=field)
    values = np.fromiter(chain.from_iterable(many), np.float64, int(lengths.sum()))
    _priced(values, field)
    return values[np.cumsum(lengths)[:, None] + np.arange(-sessions, 0)], values


def _column(prices: Sequence[float], field: str) -> Floats:
    values = np.fromiter(prices, np.float64, len(prices))
    # over so few numbers these are faster than NumPy's; what is no number makes the sum none
    if not (prices and min(prices) > 0 and sum(prices) < math.inf):
        _priced(values, field)
    return values


def _priced(values: Floats, field: str) -> None:
    """Raise BadPrice, naming the first of `values` that is not a finite number above zero."""
    # no number compares false with everything, so that it fails here as well
    if not len(values) or (values.min() > 0 and values.max() < np.inf):
        return
    finite = np.isfinite(values)
    bad = ~(finite & (values > 0))
    fault = "is not above zero" if finite[bad.argmax()] else "is not a finite number"
    raise _bad_price(bad, field, fault)


def _possible(columns: Floats, within: str = "bars.") -> None:
    """Raise BadPrice where a low lies above its open or close; columns are (4, sessions)."""
    opens, highs, lows, closes = columns
    # divided, not multiplied: the largest numbers have nothing above them
    above = lows / (1 + _ROUNDING) > np.minimum(opens, closes)
    below = highs < np.maximum(opens, closes) / (1 + _ROUNDING)
    if above.any():
        raise _bad_price(above, f"{within}low", "is above that session's open or close")
    if below.any():
        raise _bad_price(below, f"{within}high", "is below that session's open or close")


def _bad_price(bad: Bools, field: str, fault: str) -> BadPrice:
    """Name the first bad row."""
    row = int(bad.argmax())
    return BadPrice(
        f"{field}[{row}] {fault}; rows count from 0", field=field, index=row, fault=fault
    )
