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
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from app.forecasting.arrays import Float32s, Floats
from training.datasets.panel import Panel, Rows

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
    steps = bars.shape[1]
    gap, within = bars[..., 0], _garman_klass(bars)
    returns, spread = gap + bars[..., 3], bars[..., 1] - bars[..., 2]
    daily = gap * gap + within

    def log(variance: Tensor) -> Tensor:
        # invalid bars could give a variance below zero
        return library.log(library.maximum(variance, 0.0) + EPSILON)

    def mean(values: Tensor, *horizons: int) -> Tensor:
        weights = library.array(_means(steps, horizons), dtype=values.dtype)
        return library.matmul(values, weights)

    def weighted(values: Tensor, *half_lives: int) -> Tensor:
        weights = library.array(exponential_weights(steps, half_lives), dtype=values.dtype)
        return library.matmul(values, weights)

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


@dataclass(frozen=True, slots=True, eq=False)
class LogHar:
    """A fitted regression, and the distribution of returns in units of its volatility."""

    strong: bool
    closes_only: bool
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

    def log_volatilities(self, panel: Panel, ends: Rows, steps: int) -> Floats:
        """Return the log of the next session's volatility in percent after windows, (n,)."""
        return np.concatenate(
            [
                self.intercept
                + np.clip((seen - self.means) / self.scales, -CLIP, CLIP) @ self.weights
                for seen in _seen(panel, ends, steps, self.strong, self.closes_only)
            ]
        )

    def quantiles(self, panel: Panel, ends: Rows, steps: int) -> Floats:
        """Return quantiles (n, k) of the next session's log return, in percent."""
        volatilities = np.exp(self.log_volatilities(panel, ends, steps))
        return volatilities[:, None] * self.standard


def fit(  # noqa: PLR0913 - what a regression is of
    panel: Panel,
    train: Rows,
    levels: Floats,
    *,
    steps: int,
    strong: bool,
    closes_only: bool = False,
) -> LogHar:
    """Fit by least squares on half the log variance of the session after each window."""
    rows = np.empty((len(train), _STRONG if strong else _WEAK))
    filled = 0
    for seen in _seen(panel, train, steps, strong, closes_only):
        rows[filled : filled + len(seen)] = seen
        filled += len(seen)
    # in place throughout: half a million windows are a fifth of a gigabyte
    means = rows.mean(0)
    rows -= means
    scales = np.sqrt(np.einsum("nf,nf->f", rows, rows) / len(rows))
    scales[scales < _CONSTANT] = np.inf  # what is divided by it is 0
    rows /= scales
    np.clip(rows, -CLIP, CLIP, out=rows)
    target = np.log(np.maximum(variances(panel.moves[train + 1]), 0) + EPSILON) / 2
    intercept = float(target.mean())
    ridge = _RIDGE * len(rows) * np.eye(rows.shape[1])
    weights = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (target - intercept))
    standard = panel.returns[train + 1] / np.exp(intercept + rows @ weights)
    return LogHar(
        strong=strong,
        closes_only=closes_only,
        means=means,
        scales=scales,
        weights=weights,
        intercept=intercept,
        levels=levels,
        standard=np.quantile(standard, levels),
    )


def _seen(panel: Panel, ends: Rows, steps: int, strong: bool, closes_only: bool) -> Any:  # noqa: ANN401, FBT001 - an iterator
    for chunk in panel.chunks(ends):
        bars = as_bars(panel.windows(chunk, steps, closes_only=closes_only), np)
        yield features(bars, np, strong=strong)


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
