"""
The forecasts that every model is judged against, all of one signature.

None of them sees more than returns. What a forecast may know is all up to its own end: every
one of them, given other data after that, gives the same numbers to the bit.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np
from scipy import signal

from app.forecasting.arrays import Floats
from training import progress
from training.baselines import garch
from training.datasets.panel import Panel, Rows

Baseline: TypeAlias = Callable[[Panel, Rows, Rows, Floats], Floats]
"""
(panel, train, test, levels) -> quantiles (len(test), len(levels)) of the next session's log
return, in percent. `train` and `test` are window ends, see `Panel.ends`, of one fold: all of
`train` lie before all of `test`. The levels rise strictly between 0 and 1.
"""

_PAST: Final = 250
_FEWEST: Final = 60
"""Returns that historical simulation takes, and the fewest it takes."""

_DECAY: Final = 0.94
"""For daily returns (RiskMetrics Technical Document, 1996)."""

_FLOOR: Final = 1e-4
"""Percent squared, the square of a basis point: the variance of what has never moved."""

_REFIT: Final = 63
"""Sessions from one fit of GARCH to the next: a quarter."""


# one signature for all baselines, whatever they need
def naive(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:  # noqa: ARG001
    """Return 0 for every quantile: tomorrow = today."""
    return np.zeros((len(test), len(levels)))


def drift(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:  # noqa: ARG001
    """Return the instrument's mean return so far for every quantile."""
    returns, means = panel.returns, np.empty(len(test))
    for where, rows, ends in _by_instrument(panel, test):
        means[where] = (np.cumsum(returns[rows]) / np.arange(1, len(rows) + 1))[ends]
    return np.repeat(means[:, None], len(levels), axis=1)


def historical_simulation(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
    """
    Return the quantiles of the instrument's last 250 returns, fewer where there are fewer.

    Those of `ewma` where there are fewer than 60.
    """
    returns, quantiles = panel.returns, np.full((len(test), len(levels)), np.nan)
    for where, rows, ends in _by_instrument(panel, test):
        own = returns[rows]
        for row, end in zip(where, ends, strict=True):
            if end + 1 >= _FEWEST:
                past = own[max(0, end + 1 - _PAST) : end + 1]
                quantiles[row] = np.quantile(past, levels)
    return _or_ewma(quantiles, panel, train, test, levels)


def ewma(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
    """
    Return the quantiles of returns over their expected volatility, times the volatility now.

    Filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999): the quantiles
    are those of all instruments' `train` rows together. The variance is RiskMetrics':
    s2 <- 0.94 s2 + 0.06 r^2 over the whole history, divided by the sum of its weights, which
    is what makes it a mean from the first return on.
    """
    returns, volatility = panel.returns, np.empty(len(panel.dates))
    for _, rows, _ in _by_instrument(panel, np.r_[train, test]):
        own = returns[rows]
        variance = signal.lfilter([1 - _DECAY], [1, -_DECAY], own**2)
        weights = 1 - _DECAY ** np.arange(1, len(rows) + 1)
        volatility[rows] = np.sqrt(np.maximum(variance / weights, _FLOOR))
    residuals = returns[train + 1] / volatility[train]
    return np.outer(volatility[test], np.quantile(residuals, levels))


def garch_t(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
    """
    Return the quantiles of GARCH(1,1) with Student's t, fitted for each instrument.

    On its past 1,250 returns, at the first and every 63rd session of `test`: see `garch.walk`.
    Those of `ewma` where there are not yet 500, or no fit converged. Says how many did not.
    """
    return _garch(panel, train, test, levels, gjr=False)


def gjr_t(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
    """Return the quantiles of GJR-GARCH(1,1) with Student's t, otherwise as `garch_t`."""
    return _garch(panel, train, test, levels, gjr=True)


BASELINES: Final[dict[str, Baseline]] = {
    "naive": naive,
    "drift": drift,
    "historical simulation (250)": historical_simulation,
    "EWMA, filtered residuals": ewma,
    "GARCH(1,1)-t": garch_t,
    "GJR-GARCH(1,1)-t": gjr_t,
}
"""By name, in the order of the reports."""


def _garch(panel: Panel, train: Rows, test: Rows, levels: Floats, *, gjr: bool) -> Floats:
    sessions = np.unique(panel.dates[test])
    due = sessions[np.searchsorted(sessions, panel.dates[test]) // _REFIT * _REFIT]
    places, series = [], []
    for where, rows, ends in _by_instrument(panel, test):
        fitted = np.searchsorted(panel.dates[rows], due[where], side="right")
        own = panel.returns[rows[: ends.max() + 1]]
        places.append(where)
        series.append(garch.ReturnSeries(own, ends, fitted))
    quantiles = np.full((len(test), len(levels)), np.nan)
    forecasts = garch.forecast(series, levels, gjr=gjr)
    for where, forecast in zip(places, forecasts, strict=True):
        quantiles[where] = forecast.quantiles
    progress.say(
        f"{'GJR-' if gjr else ''}GARCH(1,1)-t: {sum(each.fits for each in forecasts)} fits,"
        f" {sum(each.failed for each in forecasts)} did not converge;"
        f" EWMA stands in for {np.isnan(quantiles[:, 0]).sum()} of {len(test)} forecasts"
    )
    return _or_ewma(quantiles, panel, train, test, levels)


def _or_ewma(quantiles: Floats, panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
    """Put the quantiles of `ewma` where there are none."""
    missing = np.isnan(quantiles[:, 0])
    if missing.any():
        quantiles[missing] = ewma(panel, train, test[missing], levels)
    return quantiles


def _by_instrument(panel: Panel, ends: Rows) -> Iterator[tuple[Rows, Rows, Rows]]:
    """
    Yield which of the ends are each instrument's, its usable rows, and which of those they are.

    Instruments without an end are left out.
    """
    for span in panel.spans():
        where = np.flatnonzero((ends >= span.start) & (ends < span.stop))
        if len(where):
            rows = span.start + np.flatnonzero(panel.usable[span])
            yield where, rows, np.searchsorted(rows, ends[where])
