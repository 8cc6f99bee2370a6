"""
GARCH(1,1) and GJR-GARCH(1,1) with Student's t, fitted anew as each series goes on.

s2(t+1) = omega + (alpha + gamma [e(t) < 0]) e(t)^2 + beta s2(t), e(t) = r(t) - mu (Bollerslev
1987; Glosten, Jagannathan and Runkle 1993; gamma is 0 in GARCH). The next return is mu + s(t+1)
times a Student's t of unit variance. `arch` finds the parameters, by maximum likelihood.
"""

import concurrent.futures
import multiprocessing
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from arch import arch_model
from arch.univariate import StudentsT
from scipy import signal

from app.forecasting.arrays import Floats
from training import progress
from training.datasets.panel import Rows

_PAST: Final = 1_250
"""Returns that are fitted on: five years."""

_FEWEST: Final = 500
"""Fewer say too little of four to six parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class ReturnSeries:
    """One instrument's returns, and what is known of them when each forecast is made."""

    returns: Floats
    """(rows,) in percent, oldest first, up to the last that a forecast knows."""
    ends: Rows
    """(n,) place among the returns of the last one that each forecast knows."""
    fitted: Rows
    """(n,) how many returns were known when the parameters were due: at most ends + 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What came of one series."""

    quantiles: Floats
    """(n, k) of the next return, in percent; NaN where nothing could be fitted yet."""
    fits: int
    failed: int
    """Fits that did not converge: the parameters before them, if any, went on."""


def forecast(series: Sequence[ReturnSeries], levels: Floats, *, gjr: bool) -> list[Forecast]:
    """Forecast many series, in as many processes as there are cores; levels (k,) rise."""
    workers = min(os.cpu_count() or 1, len(series))
    if workers <= 1:
        return [forecast_series(one, levels, gjr=gjr) for one in series]
    # processes that begin anew: TensorFlow, which may be loaded by now, does not survive a fork
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(forecast_series, one, levels, gjr=gjr) for one in series]
        try:
            return [each.result() for each in progress.track(futures, unit="instrument")]
        finally:
            # an interruption would wait for the rest
            pool.shutdown(cancel_futures=True)


def forecast_series(series: ReturnSeries, levels: Floats, *, gjr: bool) -> Forecast:
    """
    Forecast one series: parameters when they are due, the variance day by day between.

    Fitted on the past 1,250 returns, fewer where there are fewer; not at all below 500.
    """
    quantiles = np.full((len(series.ends), len(levels)), np.nan)
    fits = failed = since = 0
    fitted = None
    for known in np.unique(series.fitted).tolist():
        if known >= _FEWEST:
            newest = _fit(series.returns[max(0, known - _PAST) : known], fitted, gjr=gjr)
            fits += 1
            if newest is None:
                failed += 1
            else:
                fitted, since = newest, known
        if fitted is not None:
            due = series.fitted == known
            ends = series.ends[due]
            # from the last return fitted on, whose own variance is known
            variances = fitted.variances(series.returns[since - 1 : ends.max() + 1])
            scale = np.sqrt(variances[ends - since + 1])
            shape = StudentsT().ppf(levels, [fitted.freedom])
            quantiles[due] = fitted.mean + np.outer(scale, shape)
    return Forecast(quantiles, fits, failed)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """Parameters, and the variance of the last return they were fitted on."""

    params: Floats
    """mu, omega, alpha, gamma for GJR alone, beta, degrees of freedom."""
    variance: float

    @property
    def mean(self) -> float:
        return float(self.params[0])

    @property
    def freedom(self) -> float:
        return float(self.params[-1])

    def variances(self, returns: Floats) -> Floats:
        """Return the variance of the return after each of these, from the last fitted on, (n,)."""
        _, omega, alpha, *gamma, beta, _ = self.params
        shocks = returns - self.mean
        weights = alpha + (gamma[0] * (shocks < 0) if gamma else 0)
        # the recursion over its own past is a linear filter
        variances, _ = signal.lfilter(
            [1], [1, -beta], omega + weights * shocks**2, zi=[beta * self.variance]
        )
        return np.asarray(variances)


def _fit(returns: Floats, before: _Fitted | None, *, gjr: bool) -> _Fitted | None:
    """Fit on these returns, beginning where the fit before ended; None where it fails."""
    try:
        with warnings.catch_warnings():
            # arch replaces a beginning that is out of bounds; what comes out is checked below
            warnings.simplefilter("ignore")
            result = arch_model(
                returns, mean="Constant", vol="GARCH", p=1, o=int(gjr), q=1, dist="t", rescale=False
            ).fit(
                disp="off",
                show_warning=False,
                starting_values=None if before is None else before.params,
            )
    except (ArithmeticError, ValueError):
        return None
    params = np.asarray(result.params, dtype=np.float64)
    variance = float(np.asarray(result.conditional_volatility)[-1]) ** 2
    if result.convergence_flag or not np.isfinite([*params, variance]).all():
        return None
    return _Fitted(params, variance)
