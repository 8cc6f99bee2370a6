"""
A network's quantiles made into intervals of any level.

Quantiles are (n, k) in the unit of the network's outputs, one column for each of its levels:
rising in (0, 1), symmetric about the median, which is in the middle (artifact.py sees to it).
"""

from functools import lru_cache
from typing import Final

import numpy as np

from app.forecasting.arrays import Floats

_NORMAL_90: Final = 1.2816
"""The standard normal quantile at 90 %: half of an 80 % interval over it is a deviation."""

_MAPS_KEPT: Final = 256
"""Maps of the levels asked for last; callers ask for few different ones, a stranger may not."""


def outward(quantiles: Floats) -> Floats:
    """Return them so that none crosses another: each at least as far out as those within it."""
    median = quantiles.shape[1] // 2
    result = np.empty_like(quantiles)
    np.maximum.accumulate(quantiles[:, median:], axis=1, out=result[:, median:])
    np.minimum.accumulate(quantiles[:, median::-1], axis=1, out=result[:, median::-1])
    return result


def shifted(quantiles: Floats, levels: tuple[float, ...], offsets: tuple[float, ...]) -> Floats:
    """Move each quantile by its offset (k,), in spreads, and keep them from crossing."""
    return outward(quantiles + np.asarray(offsets) * spread(quantiles, levels)[:, None])


def spread(quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return half of each 80 % interval over 1.2816, (n,): a deviation, were it normal."""
    ends = intervals(quantiles, levels, (80.0,))[:, 0]
    return (ends[:, 1] - ends[:, 0]) / (2 * _NORMAL_90)


def intervals(quantiles: Floats, levels: tuple[float, ...], percents: tuple[float, ...]) -> Floats:
    """
    Return the low and the high end of the interval of each level asked for, (n, levels, 2).

    Each is in percent, above 0 and below 100: that of 90 lies between the quantiles .05 and
    .95. What the network does not give is interpolated, and beyond its outermost quantiles
    extrapolated, linearly in the score of Student's t with 4 degrees of freedom, which has
    about the tails of daily returns. Quantiles that do not cross give intervals that do not.
    """
    median = quantiles[:, len(levels) // 2, None]
    ends = median + (quantiles - median) @ _map(levels, percents)
    return ends.reshape(len(quantiles), len(percents), 2)


@lru_cache(_MAPS_KEPT)
def _map(levels: tuple[float, ...], percents: tuple[float, ...]) -> Floats:
    """Return the map (k, 2 * percents) from distances to the median to ends, low then high."""
    # from the tail, not from 1 - tail: a level of 99.9999 keeps its digits
    tails = _score((100 - np.asarray(percents)) / 200)
    scores = np.stack([tails, -tails], axis=1).ravel()
    known = _score(np.asarray(levels))
    within = np.stack([np.interp(scores, known, hat) for hat in np.eye(len(known))])
    result: Floats = within * np.maximum(1, np.abs(scores) / known[-1])
    result.setflags(write=False)
    return result


def _score(levels: Floats) -> Floats:
    """
    Return the quantiles of Student's t with 4 degrees of freedom, in closed form.

    Shaw 2006, "Sampling Student's t distribution": with a = 4 p (1 - p), the quantile of p is
    sign(p - 1/2) 2 sqrt(cos(arccos(sqrt a) / 3) / sqrt a - 1).
    """
    root = np.sqrt(4 * levels * (1 - levels))
    size: Floats = 2 * np.sqrt(np.cos(np.arccos(root) / 3) / root - 1)
    return np.sign(levels - 0.5) * size
