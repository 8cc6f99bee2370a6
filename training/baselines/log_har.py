"""
The pooled log-HAR on ranges: the next session's volatility, linear in logs of the past ones.

Corsi (2009), "A simple approximate long-memory model of realized volatility", with daily
variances from open, high, low and close (Garman and Klass 1980, and the square of the gap
overnight), one regression for all instruments. It is the bar that a network must clear, and
what the network of `quantile_network` begins as.

`features` is written once for NumPy, where the regression is fitted, and for Keras, where it
is part of the graph: `library` is `numpy` or `keras.ops`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from app.forecasting.arrays import Float32s, Floats
from training.datasets.panel import WindowSet

Tensor: TypeAlias = Any

EPSILON: Final = 1e-4
"""Squared percent: the variance of a session that does not move, one basis point squared."""

_HORIZONS: Final = (1, 2, 3, 5, 10, 22, 0)
"""Sessions that daily variances are averaged over; 0 is the whole window."""
_MONTH: Final = _HORIZONS.index(22)
_HALF_LIVES: Final = (1, 2, 4, 8, 16, 32)
_WEAK: Final = 19
_STRONG: Final = 44
"""Features."""
_RIDGE: Final = 1e-6
"""Of the variance of a standardised feature: features that are nearly the same stay solvable."""
_CONSTANT: Final = 0.01
"""
A feature that deviates by less counts for nothing.

Closes have no range, and only the floor keeps the share of the night from being all of each
variance: what float32 leaves of so small a deviation is noise.
"""
CLIP: Final = 15.0
"""
Standard deviations beyond which a feature is cut, either way.

Hardly a window of any stock goes so far, nor do logs of variances of what is a thousand times
as calm. But after a month that stood still, returns in units of its volatility do, by hundreds,
and would rule all else.
"""


def variances(moves: Tensor) -> Tensor:
    """
    Return daily variances (…,) of moves (…, 4), in squared percent.

    Garman and Klass: half the squared range less (2 ln 2 - 1) times the squared move from open
    to close; and the square of the move from the close before to the open.
    """
    return moves[..., 0] * moves[..., 0] + _garman_klass(moves)


def _garman_klass(moves: Tensor) -> Tensor:
    spread, body = moves[..., 1] - moves[..., 2], moves[..., 3]
    return 0.5 * spread * spread - (2 * math.log(2) - 1) * body * body


def as_bars(moves: Tensor, library: Any) -> Tensor:  # noqa: ANN401 - a module
    """Return moves (n, steps, 4) as they are, and those of closes (n, steps, 1) as bars."""
    if moves.shape[-1] == 1:
        nothing = library.zeros_like(moves)
        # a move of the close with no range: its square is the variance
        return library.concatenate([moves, nothing, nothing, nothing], -1)
    return moves


def features(bars: Tensor, library: Any, *, strong: bool) -> Tensor:  # noqa: ANN401 - a module
    """
    Return what the regression sees of windows of bars (n, steps, 4): (n, 19), or 44 if strong.

    The 19: logs of the mean variance over seven horizons and of the mean squared return over
    three, leverage (mean losses over three, mean returns over two, the newest return's size,
    each in units of the month's volatility), the share of the night, and logs of the mean
    squared range over two. Strong adds exponentially weighted means over six half-lives of
    log variances and of returns, over three of squared gaps, of Garman and Klass's variances,
    of squared ranges and of absolute returns, and how much the log variance varies.
    """
    average = _Averages(library, bars.shape[1])
    log, mean, weighted = average.log, average.mean, average.weighted
    gap, within = bars[..., 0], _garman_klass(bars)
    returns, spread = gap + bars[..., 3], bars[..., 1] - bars[..., 2]
    daily = gap * gap + within
    over = mean(daily, *_HORIZONS)
    month = library.maximum(over[:, _MONTH : _MONTH + 1], 0.0) + EPSILON
    volatility = library.sqrt(month)
    found = [
        log(over),
        log(mean(returns * returns, 5, 22, 0)),
        mean(library.minimum(returns, 0.0), 1, 5, 22) / volatility,
        mean(returns, 5, 22) / volatility,
        library.abs(returns[:, -1:]) / volatility,
        mean(gap * gap, 22) / month,
        log(mean(spread * spread, 5, 22)),
    ]
    if strong:
        logs = log(daily)
        spread_of_logs = logs - mean(logs, 0)
        found += [
            weighted(logs, *_HALF_LIVES),
            weighted(returns, *_HALF_LIVES) / volatility,
            log(weighted(gap * gap, 2, 8, 32)),
            log(weighted(within, 2, 8, 32)),
            log(weighted(spread * spread, 2, 8, 32)),
            weighted(library.abs(returns), 2, 8, 32) / volatility,
            library.sqrt(mean(spread_of_logs * spread_of_logs, 0)),
        ]
    return library.concatenate(found, -1)


@dataclass(frozen=True, slots=True)
class _Averages:
    """Averages over the newest of so many sessions, (n, sessions) to (n, averages)."""

    library: Any
    steps: int

    def log(self, variance: Tensor) -> Tensor:
        # invalid bars could give a variance below zero
        return self.library.log(self.library.maximum(variance, 0.0) + EPSILON)

    def mean(self, values: Tensor, *horizons: int) -> Tensor:
        return self._matmul(values, _means(self.steps, horizons))

    def weighted(self, values: Tensor, *half_lives: int) -> Tensor:
        return self._matmul(values, exponential_weights(self.steps, half_lives))

    def _matmul(self, values: Tensor, weights: Float32s) -> Tensor:
        return self.library.matmul(values, self.library.array(weights, dtype=values.dtype))


@dataclass(frozen=True, slots=True, eq=False)
class LogHar:
    """A fitted regression, and the distribution of returns in units of its volatility."""

    strong: bool
    means: Floats
    """(features,) of the training windows."""
    scales: Floats
    """(features,) their deviations; infinite where a feature counts for nothing."""
    weights: Floats
    """(features,) by which standardised features move the log volatility."""
    intercept: float
    levels: Floats
    """(k,)"""
    standard: Floats
    """(k,) quantiles of return / volatility over the training windows."""

    def log_volatilities(self, windows: WindowSet) -> Floats:
        """Return the log of the next session's volatility in percent after windows, (n,)."""
        standardised = (
            np.clip((rows - self.means) / self.scales, -CLIP, CLIP)
            for rows in _features_of(windows, strong=self.strong)
        )
        return np.concatenate([self.intercept + rows @ self.weights for rows in standardised])

    def quantiles(self, windows: WindowSet) -> Floats:
        """Return quantiles (n, k) of the next session's log return, in percent."""
        return np.exp(self.log_volatilities(windows))[:, None] * self.standard


def fit(windows: WindowSet, levels: Floats, *, strong: bool) -> LogHar:
    """Fit by least squares on half the log variance of the session after each window."""
    rows = np.empty((len(windows.ends), _STRONG if strong else _WEAK))
    filled = 0
    for chunk in _features_of(windows, strong=strong):
        rows[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    # in place throughout: half a million windows are a fifth of a gigabyte
    means = rows.mean(0)
    rows -= means
    scales = np.sqrt(np.einsum("nf,nf->f", rows, rows) / len(rows))
    scales[scales < _CONSTANT] = np.inf  # what is divided by it is 0
    rows /= scales
    np.clip(rows, -CLIP, CLIP, out=rows)
    next_moves = windows.panel.moves[windows.ends + 1]
    target = np.log(np.maximum(variances(next_moves), 0) + EPSILON) / 2
    intercept = float(target.mean())
    ridge = _RIDGE * len(rows) * np.eye(rows.shape[1])
    weights = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (target - intercept))
    standard = windows.next_returns / np.exp(intercept + rows @ weights)
    return LogHar(
        strong=strong,
        means=means,
        scales=scales,
        weights=weights,
        intercept=intercept,
        levels=levels,
        standard=np.quantile(standard, levels),
    )


def _features_of(windows: WindowSet, *, strong: bool) -> Iterator[Floats]:
    for moves in windows.chunks():
        yield features(as_bars(moves, np), np, strong=strong)


def _means(steps: int, horizons: tuple[int, ...]) -> Float32s:
    """Return (steps, horizons) weights of the means over the newest sessions; 0 is all."""
    weights = np.zeros((steps, len(horizons)), np.float32)
    for column, horizon in enumerate(horizons):
        newest = min(horizon or steps, steps)
        weights[-newest:, column] = 1 / newest
    return weights


def exponential_weights(steps: int, half_lives: tuple[int, ...]) -> Float32s:
    """Return (steps, half-lives) weights, newest heaviest, each column's sum one."""
    ages = np.arange(steps - 1, -1, -1)[:, None]
    weights = 0.5 ** (ages / np.array(half_lives))
    scaled: Float32s = (weights / weights.sum(0)).astype(np.float32)
    return scaled
