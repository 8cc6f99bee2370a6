"""
Scores of distribution forecasts, given as quantiles, and how two of them compare.

Throughout: `actual` values are (n,); `quantiles` are (n, k), no row of them falling; their
`levels` (k,) rise strictly between 0 and 1, symmetric around 0.5. Nothing depends on the unit;
returns in percent are meant. Scores of the median as a point forecast are in `point_scores`.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from app.forecasting.arrays import Floats
from training.datasets.quantile_levels import level_weights
from training.evaluation import point_scores

_SAME_LEVEL: Final = 1e-9
"""1 - 0.9 is not 0.1."""

_VOLATILITY_LEVEL: Final = 80.0
"""Percent of the interval whose width stands for the predicted volatility."""

_LAGS: Final = 10
"""Two weeks of sessions: losses follow volatility, which lasts longer than the usual few lags."""


def pinball(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """
    Return the loss of each quantile, (n, k), in the unit of the values.

    max(p (y - q), (p - 1) (y - q)) at level p (Koenker and Bassett 1978). Its mean is smallest
    where q is the quantile.
    """
    error: Floats = actual[:, None] - quantiles
    error *= levels - (error < 0)  # in place: a whole test period is tens of megabytes
    return error


def crps(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """
    Return the continuous ranked probability score, (n,), in the unit of the values.

    It is twice the integral of the pinball loss over the level (Laio and Tamea 2007). Here that
    is approximated by a sum: each level stands for those nearer to it than to its neighbours,
    the outermost for all up to 0 and 1. So compare forecasts at the same levels only.
    """
    score: Floats = 2 * pinball(actual, quantiles, levels) @ level_weights(levels)
    return score


def interval(quantiles: Floats, levels: Floats, level: float) -> tuple[Floats, Floats]:
    """
    Return the ends (n,), low and high, of the central interval of `level` percent.

    ValueError where its two levels are not both among those given; nothing is interpolated.
    """
    ends = []
    for end in ((100 - level) / 200, (100 + level) / 200):
        same = np.flatnonzero(np.abs(levels - end) < _SAME_LEVEL)
        if not len(same):
            raise ValueError(
                f"the interval of {level:g} % needs the level {end:g}, given were {levels.tolist()}"
            )
        ends.append(quantiles[:, same[0]])
    low, high = ends
    return low, high


def interval_score(actual: Floats, low: Floats, high: Floats, level: float) -> Floats:
    """
    Return the score of a central interval of `level` percent, (n,), in the unit of the values.

    Its width, and 2 / a times how far the actual value lies outside it, a = 1 - level / 100
    (Winkler 1972; Gneiting and Raftery 2007, section 6.2).
    """
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    score: Floats = high - low + 2 / (1 - level / 100) * outside
    return score


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Return the share of actual values inside the interval, whose ends (n,) belong to it."""
    return float(_inside(actual, low, high).mean())


def coverage_by(
    actual: Floats, low: Floats, high: Floats, groups: NDArray[np.int64]
) -> dict[int, float]:
    """
    Return the coverage of each group, by the group's code, from codes of the rows (n,).

    They are those of instruments, or of `volatility_terciles`.
    """
    codes, group = np.unique(groups, return_inverse=True)
    shares = np.bincount(group, _inside(actual, low, high)) / np.bincount(group)
    return dict(zip(codes.tolist(), shares.tolist(), strict=True))


def volatility_terciles(quantiles: Floats, levels: Floats) -> NDArray[np.int64]:
    """
    Return 0, 1 or 2 for each row, (n,): the calm, the middle and the wild third of all rows.

    By the width of the 80 % interval of these quantiles. Take those of one reference for all
    forecasts that are compared. Equal widths go by row, so that the thirds are of equal size.
    ValueError where the 80 % interval is not among the levels.
    """
    low, high = interval(quantiles, levels, _VOLATILITY_LEVEL)
    count = len(low)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(high - low, kind="stable")] = np.arange(count)
    return 3 * rank // count


def width(low: Floats, high: Floats) -> float:
    """Return the mean width of an interval, in the unit of the values."""
    return float((high - low).mean())


def qlike(actual_variance: Floats, expected_variance: Floats) -> float:
    """
    Return the mean of v / s - ln(v / s) - 1 for variances v, by any unbiased proxy, and s.

    0 at best; ranks forecasts as the true variance would (Patton 2011). Where the proxy is 0,
    as a squared return can be, the loss is infinite for every forecast: those rows are left out.
    ValueError where none is left, or an expected variance is not above 0.
    """
    known = actual_variance > 0
    if not known.any():
        raise ValueError("needs an actual variance above 0, all of them are 0")
    if not (expected_variance > 0).all():
        raise ValueError(
            f"needs expected variances above 0, the lowest is {expected_variance.min():g}"
        )
    ratio = actual_variance[known] / expected_variance[known]
    return float((ratio - np.log(ratio) - 1).mean())


def pit(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """
    Return the probability integral transform (n,): the level at which each actual value lies.

    Linear between the quantiles; the highest of the levels whose quantiles are that value.
    Beyond the outermost quantiles nothing is known but the side: there it is halfway from the
    outermost level to 0 or 1. Uniform where the forecast is calibrated (Dawid 1984), in a
    histogram whose bins are wider than the outermost levels.
    """
    rows, lowest, highest = np.arange(len(actual)), quantiles[:, 0], quantiles[:, -1]
    below = (quantiles <= actual[:, None]).sum(axis=1)
    left = np.clip(below - 1, 0, len(levels) - 2)
    start = quantiles[rows, left]
    gap = quantiles[rows, left + 1] - start
    # the two outermost quantiles may be one value, or so near that what is far off overflows
    way = np.clip(actual, lowest, highest) - start
    share = np.divide(way, gap, out=np.ones_like(gap), where=gap > 0)
    transform: Floats = levels[left] + share * (levels[left + 1] - levels[left])
    transform[actual < lowest] = levels[0] / 2
    transform[actual > highest] = (1 + levels[-1]) / 2
    return transform


def reliability(
    actual: Floats,
    quantiles: Floats,
    levels: Floats,  # noqa: ARG001 - one signature for all scores of quantiles
) -> Floats:
    """Return the share of actual values at or below each quantile, (k,): at best its level."""
    share: Floats = (actual[:, None] <= quantiles).mean(axis=0)
    return share


def pesaran_timmermann(actual: Floats, expected: Floats) -> tuple[float, float] | None:
    """
    Return the statistic of Pesaran and Timmermann (1992) and its one-sided p, from returns (n,).

    (P - P*) / sqrt(V(P) - V(P*)), P the share of right directions, P* = u f + (1 - u) (1 - f)
    what it were if forecast and outcome had nothing to do with each other; u and f are the
    shares of rises among the outcomes and the forecasts. Normal under that hypothesis; large,
    with a small p, where the forecast knows directions.

    Sessions that did not move are left out, as in `point_scores.directional_accuracy`, and here
    also those of which the forecast names no direction. None where no session is left, or outcome
    or forecast always go one way. Sessions count as independent: those of many instruments on
    one date are not, and make p too small.
    """
    moved = (actual != 0) & (expected != 0)
    rose, forecast_rise = actual[moved] > 0, expected[moved] > 0
    count = len(rose)
    if not count:
        return None
    up, forecast_up = float(rose.mean()), float(forecast_rise.mean())
    by_chance = up * forecast_up + (1 - up) * (1 - forecast_up)
    # V(P) - V(P*) multiplied out: it is exactly 0 where a direction never occurs
    variance = 4 * up * (1 - up) * forecast_up * (1 - forecast_up) * (count - 1) / count**2
    if not variance:
        return None
    statistic = (float((rose == forecast_rise).mean()) - by_chance) / math.sqrt(variance)
    return statistic, float(stats.norm.sf(statistic))


def skill(loss: Floats, reference: Floats) -> float:
    """
    Return 1 - mean loss / mean reference loss: above 0 where it is the smaller, at best 1.

    ValueError where the reference is never wrong.
    """
    mean = float(reference.mean())
    if mean <= 0:
        raise ValueError(f"needs a reference whose mean loss is above 0, it is {mean:g}")
    return 1 - float(loss.mean()) / mean


@dataclass(frozen=True, slots=True)
class Comparison:
    """One forecast's losses against those of a reference over the same rows."""

    skill: float
    """Over all rows at once, so that instruments count by the size of their losses."""
    median_skill: float
    """Of the instruments' own skills."""
    wins: float
    """Share of instruments with a skill above 0."""
    worst_instrument: int
    worst_skill: float
    t: float | None
    """
    Diebold-Mariano, POSITIVE where the losses are smaller than those of the reference.

    None where the two never differ.
    """


def compare(
    loss: Floats,
    reference: Floats,
    dates: NDArray[np.datetime64],
    instruments: NDArray[np.int64],
) -> Comparison:
    """
    Compare the losses of two forecasts, row by row, with each row's date and instrument, (n,).

    For t each instrument's losses are divided by its mean reference loss, so that no volatile
    instrument rules; then they are averaged over the instruments of each date, since those move
    together; the variance is Newey and West's with 10 lags. POSITIVE where `loss` is smaller
    than `reference`: the opposite of `point_scores.diebold_mariano`.
    ValueError where the reference is never wrong for an instrument.
    """
    codes, own = np.unique(instruments, return_inverse=True)
    rows = np.bincount(own)
    scale = np.bincount(own, reference) / rows
    if not (scale > 0).all():
        raise ValueError(
            f"needs a reference whose mean loss is above 0 for each instrument,"
            f" for {codes[np.argmin(scale)]} it is {scale.min():g}"
        )
    skills = 1 - np.bincount(own, loss) / rows / scale
    worst = int(np.argmin(skills))
    ours, theirs = (
        point_scores.mean_by_date(dates, each / scale[own]) for each in (loss, reference)
    )
    return Comparison(
        skill=skill(loss, reference),
        median_skill=float(np.median(skills)),
        wins=float((skills > 0).mean()),
        worst_instrument=int(codes[worst]),
        worst_skill=float(skills[worst]),
        # turned round: that score is negative where its first argument is the better one
        t=point_scores.diebold_mariano(theirs, ours, lags=_LAGS),
    )


def _inside(actual: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Tell which actual values the interval holds, (n,)."""
    inside: NDArray[np.bool_] = (low <= actual) & (actual <= high)
    return inside
