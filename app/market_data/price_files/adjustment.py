"""Prices adjusted for splits and dividends, where a file has adjusted closes."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from app.artifact.manifest import BARS, PriceField
from app.forecasting.arrays import Floats

_DIGITS: Final = 10
"""Of the largest price that are kept: what adjusting adds behind them is noise."""
_UNADJUSTED: Final = 1e-6
"""
Relative: vendors that compute in single precision have factors that differ from 1 by a tenth of it.
"""


def adjusted(columns: Mapping[str, list[float]]) -> dict[PriceField, list[float]]:
    """
    Undo splits and dividends: prices times adjusted close / close, in units of the last close.

    `columns` are by role, of equal length and oldest first, NaN where there is no price. Where
    nothing was adjusted, prices stay as they are, to the last digit.
    """
    prices: dict[PriceField, list[float]] = {
        field: columns[field] for field in BARS if field in columns
    }
    if "adjusted" not in columns:
        return prices
    closes = prices.get("close")
    if closes is None:
        return {**prices, "close": columns["adjusted"]} if not prices else {
            "close": columns["adjusted"]
        }  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.array(columns["adjusted"]) / np.array(closes)
    known = ratios[np.isfinite(ratios)]
    if not len(known):
        return prices
    factors = ratios / known[-1]
    factors[np.abs(factors - 1) < _UNADJUSTED] = 1.0
    if (factors == 1).all():
        return prices
    return {field: _times(np.array(column), factors) for field, column in prices.items()}


def _times(column: Floats, factors: Floats) -> list[float]:
    made: Floats = column * factors
    finite = made[np.isfinite(made) & (made > 0)]
    if not len(finite):
        return list(map(float, made))
    # of the largest: decimals are the same for all prices of a column
    decimals = _DIGITS - 1 - math.floor(math.log10(finite.max()))
    rounded: Floats = (
        np.where(factors == 1, column, np.round(made, decimals)) if decimals >= 0 else made
    )
    return list(map(float, rounded))
