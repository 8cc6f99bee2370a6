"""
Intervals adapted to one instrument by the history that its request brings.

The network forecasts every session of that history from the sessions before it. How often its
intervals missed says by how much they must widen or narrow, for this instrument, now.
"""

from typing import Final

import numpy as np

from app.forecasting.arrays import Floats
from app.forecasting.quantiles import outward

FEWEST: Final = 60
"""Forecasts to adapt by: fewer hold only six misses of a 90 % interval, which is mostly luck."""

MOST: Final = 512
"""Forecasts to adapt by: two years. Older ones say little of now, and cost as much."""

_NO_SPREAD: Final = 1e-9
"""Stands in for a spread of zero, by which nothing can be divided."""


def track(excess: Floats, misses: Floats, gain: float) -> Floats:
    """
    Return by how many spreads each pair of quantiles widens, (sessions + 1, pairs).

    Row i is what was known before session i, the last row what is known after all of them.
    `excess` (sessions, pairs), oldest first, is how far the price fell outside each pair, in
    spreads, below zero inside; `misses` (pairs,) is how often it should. Quantile tracking:
    a miss widens a pair by gain (1 - misses), a hit narrows it by gain misses, so that in the
    long run it misses as often as it should, whatever the prices do (Angelopoulos, Candes and
    Tibshirani 2023, "Conformal PID control for time series prediction", the P step; Gibbs and
    Candes 2021).
    """
    widths = np.zeros((len(excess) + 1, len(misses)))
    after_miss, after_hit = gain * (1 - misses), -gain * misses
    for now, row in enumerate(excess):
        widths[now + 1] = widths[now] + np.where(row > widths[now], after_miss, after_hit)
    return widths


def adapt(
    quantiles: Floats, spreads: Floats, outcomes: Floats, levels: tuple[float, ...], gain: float
) -> Floats:
    """
    Adapt successive forecasts of one instrument, each by the sessions before it, (n + 1, k).

    `quantiles` (n + 1, k) do not cross, `spreads` are (n + 1,), `levels` (k,) are those of the
    quantiles; `outcomes` (n,) are what became of all forecasts but the last.
    """
    pairs = len(levels) // 2
    lows, highs = quantiles[:-1, :pairs], quantiles[:-1, :pairs:-1]
    scale = np.maximum(spreads, _NO_SPREAD)[:, None]
    excess = np.maximum(lows - outcomes[:, None], outcomes[:, None] - highs) / scale[:-1]
    widths = track(excess, 2 * np.asarray(levels[:pairs]), gain) * scale
    adapted = quantiles.copy()
    adapted[:, :pairs] -= widths
    adapted[:, :pairs:-1] += widths
    return outward(adapted)
