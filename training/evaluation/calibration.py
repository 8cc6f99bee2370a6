"""Conformal offsets: how far past forecasts must be widened to cover what they say."""

import math
from dataclasses import dataclass

import numpy as np

from app.forecasting import conformal
from app.forecasting import quantiles as intervals
from app.forecasting.arrays import Floats


def offsets(actual: Floats, quantiles: Floats, levels: Floats) -> tuple[float, ...]:
    """
    Return the offset of each level, (k,), in units of a forecast's own spread.

    Split conformal quantile regression (Romano, Patterson and Candès 2019), normalised: of
    each pair of levels, how far `actual` (n,) fell outside the pair in spreads of the forecast
    `quantiles` (n, k), below zero inside; the offset is the ceil((n + 1)(1 - a))-th smallest
    of that, a being how often the pair should miss, and 0 where there are too few for that rank.
    Forecasts made after fitting, by a network that had not seen them.
    """
    pairs = len(levels) // 2
    spread = intervals.spread(quantiles, tuple(levels.tolist()))
    found = np.zeros(len(levels))
    for pair in range(pairs):
        low, high = quantiles[:, pair], quantiles[:, -1 - pair]
        excess = np.maximum(low - actual, actual - high) / spread
        rank = math.ceil((len(excess) + 1) * (1 - 2 * levels[pair]))
        wider = float(np.partition(excess, rank - 1)[rank - 1]) if rank <= len(excess) else 0.0
        found[pair], found[-1 - pair] = -wider, wider
    return tuple(found.tolist())


@dataclass(frozen=True, slots=True)
class HistoryCalibration:
    """The service's in-request calibration, of a request that posts so much history."""

    gain: float
    posted: int
    """Forecasts to adapt by."""

    def adapt(self, quantiles: Floats, spreads: Floats, actual: Floats, levels: Floats) -> Floats:
        """
        Return forecasts of one instrument as a request with history would have them, (n, k).

        Row t is `quantiles[t]`, calibrated by the `posted` forecasts before it, or as many as
        there are: all tracked side by side, `conformal.adapt` for each.
        """
        count, pairs = len(quantiles), len(levels) // 2
        lows, highs = quantiles[:, :pairs], quantiles[:, :pairs:-1]
        excess = np.maximum(lows - actual[:, None], actual[:, None] - highs) / spreads[:, None]
        misses = 2 * levels[:pairs]
        widths = np.zeros((count, pairs))
        for ago in range(min(self.posted, count - 1), 0, -1):
            # forecasts that are made `ago` sessions later learn from this one next
            late = slice(ago, None)
            step = (excess[: count - ago] > widths[late]) - misses
            widths[late] += self.gain * step
        known = np.minimum(np.arange(count), self.posted)
        widths[known < conformal.FEWEST] = 0
        wider = widths * spreads[:, None]
        result = quantiles.copy()
        result[:, :pairs] -= wider
        result[:, :pairs:-1] += wider
        return intervals.outward(result)
