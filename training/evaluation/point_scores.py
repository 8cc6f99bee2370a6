"""
Scores of point forecasts.

Every score takes actual and expected values (n,) and gives one number, in their unit where
nothing else is said.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from app.artifact.manifest import Scores
from app.forecasting.arrays import Floats
from training.datasets.windows import Dates, as_date
from training.errors import UsageError

_TWO_SIDED_5: Final = 1.960
_POWER_80: Final = 0.842
"""Quantiles of the normal distribution: 97.5 % and 80 %."""

_FEWEST_PAIRS: Final = 3
"""Two points always correlate perfectly."""


def mae(actual: Floats, expected: Floats) -> float:
    """Mean absolute error."""
    return float(np.abs(actual - expected).mean())


def rmse(actual: Floats, expected: Floats) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(actual - expected).mean()))


def mape(actual: Floats, expected: Floats) -> float | None:
    """Mean absolute error in percent of the actual value; None where one of those is 0."""
    if not actual.all():
        return None
    return float((np.abs(actual - expected) / np.abs(actual)).mean() * 100)


def mase(actual: Floats, expected: Floats, scale: float) -> float | None:
    """
    Mean absolute error in units of `scale`, from `mase_scale` (Hyndman and Koehler 2006).

    None where the scale is 0: the training rows never moved.
    """
    return mae(actual, expected) / scale if scale else None


def mase_scale(prices: Floats, instruments: NDArray[np.str_], *, percent: bool) -> float:
    """
    Return the mean |y(t) - y(t-1)| of the training rows, (n,), by instrument and oldest first.

    In the unit of the prices, or in percent of y(t-1). Steps from one instrument to the next
    do not count; 0 where there is no step.
    """
    within = instruments[1:] == instruments[:-1]
    steps = np.abs(np.diff(prices))[within]
    if percent:
        steps = 100 * steps / prices[:-1][within]
    return float(steps.mean()) if len(steps) else 0.0


def directional_accuracy(actual: Floats, expected: Floats, last: Floats) -> float | None:
    """
    Return the share of sessions whose direction, up or down from the `last` price, was right.

    Sessions that did not move are left out; where one moved, a forecast of no move is wrong.
    None where no session is left, or the forecast never names a direction, as naive does.
    """
    moved = actual != last
    forecast = np.sign(expected - last)[moved]
    if not forecast.any():
        return None
    return float((forecast == np.sign(actual - last)[moved]).mean())


def direction_base_rate(actual: Floats, last: Floats) -> float | None:
    """
    Return the share of the commoner direction among the sessions that moved.

    Who always names that direction is right so often. None where no session moved.
    """
    moved = actual != last
    if not moved.any():
        return None
    up = float((actual > last)[moved].mean())
    return max(up, 1 - up)


def shift_correlations(actual: Floats, expected: Floats) -> dict[int, float | None]:
    """
    Return Pearson's r of expected(t) with actual(t - 1), actual(t) and actual(t + 1).

    The keys are -1, 0 and 1. The series is one instrument's, oldest first; all three are
    over the same sessions, those that have both neighbours. A forecast that repeats the last
    price has its best at -1. Given day-to-day changes, `np.diff` of both, that shows most
    plainly: levels correlate at every shift because they wander together, changes do not.
    None where there is no variance, or there are fewer than three sessions.
    """
    count = len(actual) - 2
    return {shift: _pearson(expected[1:-1], actual[1 + shift :][:count]) for shift in (-1, 0, 1)}


def mean_shift_correlations(
    actual: Floats, expected: Floats, instruments: NDArray[np.str_], *, changes: bool
) -> dict[int, float | None]:
    """
    Return `shift_correlations` averaged over the instruments that have them.

    All are (n,), oldest first within an instrument; of prices, or of their day-to-day changes.
    """
    found: dict[int, list[float]] = {-1: [], 0: [], 1: []}
    for instrument in np.unique(instruments):
        own = instruments == instrument
        series = actual[own], expected[own]
        if changes:
            series = np.diff(series[0]), np.diff(series[1])
        for shift, correlation in shift_correlations(*series).items():
            if correlation is not None:
                found[shift].append(correlation)
    return {shift: float(np.mean(each)) if each else None for shift, each in found.items()}


def _pearson(one: Floats, other: Floats) -> float | None:
    if len(one) < _FEWEST_PAIRS or not np.ptp(one) or not np.ptp(other):
        return None
    return float(np.corrcoef(one, other)[0, 1])


def mean_by_date(dates: NDArray[np.datetime64], losses: Floats) -> Floats:
    """Return the mean loss over the instruments of each date, oldest first."""
    _, day = np.unique(dates, return_inverse=True)
    means: Floats = np.bincount(day, losses) / np.bincount(day)
    return means


def diebold_mariano(losses: Floats, reference: Floats, *, lags: int | None = None) -> float | None:
    """
    Return the t of Diebold and Mariano (1995) for one-step losses, one for each date, (n,).

    Negative where `losses` are smaller than the `reference` losses. The variance is that of
    Newey and West (1987) with so many lags, floor(4 (n / 100)^(2/9)) if not given. None where
    the two never differ. For a panel, `mean_by_date` first.
    """
    difference = losses - reference
    variance = _long_run_variance(difference, lags)
    if variance <= 0:
        return None
    return float(difference.mean()) / math.sqrt(variance / len(difference))


def p_value(t: float, sessions: int) -> float:
    """
    Return the two-sided p of a Diebold-Mariano t over so many sessions, two or more.

    With the small-sample factor of Harvey, Leybourne and Newbold (1997), for one step ahead
    sqrt((T - 1) / T), and Student's t with T - 1 degrees of freedom.
    """
    corrected = abs(t) * math.sqrt((sessions - 1) / sessions)
    return float(2 * stats.t.sf(corrected, sessions - 1))


def sessions_needed(losses: Floats, reference: Floats, share: float) -> int | None:
    """
    Return how many sessions a test needs to find a difference of `share` of the mean reference.

    With 80 % power at 5 % two-sided: n = ((1.960 + 0.842) sd / (share mean))^2, sd the
    long-run one of the differences between `losses` and `reference`, one for each date, (n,).
    None where the two never differ, or the reference is never wrong.
    """
    variance = _long_run_variance(losses - reference)
    smallest = share * float(reference.mean())
    if variance <= 0 or smallest <= 0:
        return None
    return math.ceil((_TWO_SIDED_5 + _POWER_80) ** 2 * variance / smallest**2)


def summarise(
    dates: Dates, instruments: NDArray[Any], errors: Floats, naive_errors: Floats, *, unit: str
) -> Scores:
    """Return what a manifest says of forecasts (n,), and of tomorrow = today, from errors (n,)."""
    zeros = np.zeros_like(errors)
    mae_, naive_mae = mae(zeros, errors), mae(zeros, naive_errors)
    rmse_, naive_rmse = rmse(zeros, errors), rmse(zeros, naive_errors)
    if not naive_mae:
        raise UsageError("the held-out prices never move: there is nothing to score against")
    by_date = [mean_by_date(dates, np.abs(each)) for each in (errors, naive_errors)]
    return Scores(
        first=as_date(dates.min()),
        last=as_date(dates.max()),
        sessions=len(dates),
        instruments=len(np.unique(instruments)),
        unit=unit,
        mae=mae_,
        rmse=rmse_,
        naive_mae=naive_mae,
        naive_rmse=naive_rmse,
        mae_vs_naive=mae_ / naive_mae,
        rmse_vs_naive=rmse_ / naive_rmse,
        dm_t=diebold_mariano(*by_date),
    )


def _long_run_variance(values: Floats, lags: int | None = None) -> float:
    """Return that of Newey and West (1987), by default with floor(4 (n / 100)^(2/9)) lags."""
    count = len(values)
    centred = values - values.mean()
    variance = float(centred @ centred) / count
    if lags is None:
        lags = math.floor(4 * (count / 100) ** (2 / 9))
    for lag in range(1, min(lags, count - 1) + 1):
        covariance = float(centred[lag:] @ centred[:-lag]) / count
        variance += 2 * (1 - lag / (lags + 1)) * covariance
    return variance
