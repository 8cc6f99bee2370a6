"""What a caller posts, checked: prices or bars become a history (sessions, fields) of float64."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.artifact import BARS, PriceField
from app.errors import BadInput, BadPrice, WindowTooShort
from app.scaling import Bools, Floats

_ROUNDING: Final = 1e-4
"""A relative one that a feed may have done: it lets a low lie above an open by so much."""


def of_prices(prices: Sequence[float], *, least: int) -> Floats:
    """
    Return a history (sessions, 1) of prices, oldest first, that holds at least so many.

    Raises BadPrice where any of them is not finite or not above zero, also where it is old:
    such a list has been damaged on its way. Raises WindowTooShort where there are too few.
    """
    return _long_enough(_column(prices, "prices")[:, None], least, "prices")


def of_bars(
    bars: Mapping[PriceField, Sequence[float]], fields: Sequence[PriceField], *, least: int
) -> Floats:
    """
    Return a history (sessions, fields) of bars, oldest first, of the fields that are wanted.

    All four are checked, wanted or not. Raises BadInput where they are not of one length;
    BadPrice as `of_prices` does, and where a low lies above its open or close, or a high below,
    by more than rounding; WindowTooShort.
    """
    columns = {field: _column(bars[field], f"bars.{field}") for field in BARS}
    opens, highs, lows, closes = columns.values()
    for field, column in columns.items():
        if len(column) != len(opens):
            raise BadInput(
                f"bars.{field} holds {len(column)} prices and bars.open {len(opens)};"
                " all four must be of one length",
                field=f"bars.{field}",
            )
    # divided, not multiplied: the largest numbers have nothing above them
    above = lows / (1 + _ROUNDING) > np.minimum(opens, closes)
    below = highs < np.maximum(opens, closes) / (1 + _ROUNDING)
    if above.any():
        raise _bad_price(above, "bars.low", "is above that session's open or close")
    if below.any():
        raise _bad_price(below, "bars.high", "is below that session's open or close")
    wanted = np.stack([columns[field] for field in fields], axis=1)
    return _long_enough(wanted, least, f"bars.{fields[-1]}")


def _column(prices: Sequence[float], field: str) -> Floats:
    values = np.asarray(prices, dtype=np.float64)
    finite = np.isfinite(values)
    bad = ~(finite & (values > 0))
    if bad.any():
        fault = "is not above zero" if finite[bad.argmax()] else "is not a finite number"
        raise _bad_price(bad, field, fault)
    return values


def _bad_price(bad: Bools, field: str, fault: str) -> BadPrice:
    """Name the first bad row."""
    row = int(bad.argmax())
    return BadPrice(f"{field}[{row}] {fault}; rows count from 0", field=field, index=row)


def _long_enough(history: Floats, least: int, field: str) -> Floats:
    if len(history) < least:
        raise WindowTooShort(least, len(history), field=field)
    return history
