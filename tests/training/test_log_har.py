"""The log-HAR: every feature against a plain loop, and the volatility that it finds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from app.forecasting import scalers
from app.forecasting.arrays import Floats
from tests.builders import random_bars
from tests.training.panels import panel_of, sessions_of, simulated
from training.baselines import log_har
from training.datasets.panel import Panel, WindowSet

LEVELS = np.array([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
STEPS = 30
BAR = list[float]


def prices(rows: int = STEPS + 1, *, seed: int = 7) -> Floats:
    """Return a window (1, rows, 4) of bars."""
    return np.array(list(random_bars(rows, seed=seed).values())).T[None]


def moves(*seeds: int, steps: int = STEPS) -> Floats:
    return np.concatenate([scalers.moves(prices(steps + 1, seed=seed)) for seed in seeds])


def log(variance: float) -> float:
    return math.log(max(variance, 0) + 1e-4)


def plain_features(window: list[BAR], *, strong: bool) -> list[float]:  # noqa: C901 - formulas
    """Return the features of one window of (gap, high, low, close), by their formulas."""

    def mean(value: Callable[[BAR], float], sessions: int = 0) -> float:
        newest = [value(bar) for bar in window[-sessions:]]
        return sum(newest) / len(newest)

    def weighted(value: Callable[[BAR], float], half_life: int) -> float:
        weights = [2 ** (-age / half_life) for age in range(len(window))]
        newest_first = [value(bar) for bar in reversed(window)]
        return sum(w * v for w, v in zip(weights, newest_first, strict=True)) / sum(weights)

    def garman_klass(bar: BAR) -> float:
        return 0.5 * (bar[1] - bar[2]) ** 2 - (2 * math.log(2) - 1) * bar[3] ** 2

    def variance(bar: BAR) -> float:
        return bar[0] ** 2 + garman_klass(bar)

    def change(bar: BAR) -> float:
        return bar[0] + bar[3]

    def gap(bar: BAR) -> float:
        return bar[0] ** 2

    def spread(bar: BAR) -> float:
        return (bar[1] - bar[2]) ** 2

    def log_variance(bar: BAR) -> float:
        return log(variance(bar))

    month = mean(variance, 22) + 1e-4
    volatility = math.sqrt(month)
    found = [log(mean(variance, sessions)) for sessions in (1, 2, 3, 5, 10, 22, 0)]
    found += [log(mean(lambda bar: change(bar) ** 2, sessions)) for sessions in (5, 22, 0)]
    found += [mean(lambda bar: min(change(bar), 0), back) / volatility for back in (1, 5, 22)]
    found += [mean(change, sessions) / volatility for sessions in (5, 22)]
    found += [abs(change(window[-1])) / volatility, mean(gap, 22) / month]
    found += [log(mean(spread, sessions)) for sessions in (5, 22)]
    if strong:
        found += [weighted(log_variance, half_life) for half_life in (1, 2, 4, 8, 16, 32)]
        found += [weighted(change, half_life) / volatility for half_life in (1, 2, 4, 8, 16, 32)]
        for value in (gap, garman_klass, spread):
            found += [log(weighted(value, half_life)) for half_life in (2, 8, 32)]
        for half_life in (2, 8, 32):
            found.append(weighted(lambda bar: abs(change(bar)), half_life) / volatility)
        middle = mean(log_variance)
        found.append(math.sqrt(mean(lambda bar: (log_variance(bar) - middle) ** 2)))
    return found


@pytest.mark.parametrize(("strong", "count"), [(False, 19), (True, 44)])
@pytest.mark.parametrize("steps", [STEPS, 4, 1], ids=["longer", "shorter than a month", "one"])
def test_features_are_those_of_a_plain_loop(steps: int, count: int, *, strong: bool) -> None:
    windows = moves(1, 2, 3, steps=steps)

    found = log_har.features(windows, np, strong=strong)

    expected = [plain_features(window, strong=strong) for window in windows.tolist()]
    assert found.shape == (3, count)
    # the weights of means are rounded to float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_closes_are_bars_that_only_gap() -> None:
    closes = scalers.moves(prices()[:, :, 3:])
    gaps = np.concatenate([closes, np.zeros((1, STEPS, 3))], axis=2)

    np.testing.assert_array_equal(log_har.as_bars(closes, np), gaps)
    np.testing.assert_array_equal(log_har.as_bars(ops.array(closes), ops), gaps)
    np.testing.assert_allclose(log_har.variances(gaps), closes[..., 0] ** 2)
    assert log_har.as_bars(gaps, np) is gaps


@pytest.mark.parametrize("fields", [4, 1])
def test_numpy_and_keras_see_the_same(fields: int) -> None:
    windows = moves(*range(20))[:, :, -fields:].astype(np.float32)

    found: list[Any] = [
        np.asarray(
            log_har.features(log_har.as_bars(library.array(windows), library), library, strong=True)
        )
        for library in (np, ops)
    ]

    assert found[1].dtype == np.float32
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 1000), fields=st.sampled_from([1, 4]))
def test_the_price_level_changes_nothing(factor: float, seed: int, fields: int) -> None:
    window = prices(seed=seed)[:, :, -fields:]

    found = [
        log_har.features(log_har.as_bars(scalers.moves(each), np), np, strong=True)
        for each in (window, factor * window)
    ]

    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-7)


def log_linear(instruments: int, sessions: int, *, seed: int = 5) -> tuple[Panel, Floats]:
    """
    Draw a panel of which each log volatility is 0.2 + 0.7 x + 0.2 y, and return both.

    x and y are the logs of the root of the last session's and the last month's variance.
    """
    generator = np.random.default_rng(seed)
    drawn = np.zeros((instruments, sessions, 4))
    logs = np.zeros((instruments, sessions))
    for day in range(sessions):
        if day >= 22:
            past = log_har.variances(drawn[:, day - 22 : day])
            x, y = np.log(past[:, -1]) / 2, np.log(past.mean(1)) / 2
            logs[:, day] = 0.2 + 0.7 * x + 0.2 * y
        drawn[:, day] = sessions_of(np.exp(logs[:, day]), generator)
    # an instrument's first row has no move
    rows = np.c_[np.zeros(instruments), logs].ravel()
    return panel_of(*drawn), rows


@pytest.mark.parametrize("strong", [False, True])
def test_a_volatility_that_is_linear_in_logs_is_found(*, strong: bool) -> None:
    panel, logs = log_linear(20, 400)
    ends = panel.ends(STEPS)
    early = panel.dates[ends] < np.datetime64("2010-11-01")
    true = logs[ends[~early] + 1]
    assert true.std() > 0.25

    fitted = log_har.fit(WindowSet(panel, ends[early], STEPS), LEVELS, strong=strong)

    found = fitted.log_volatilities(WindowSet(panel, ends[~early], STEPS))
    # but for a constant: the log of a session's variance is on average below that of the mean
    assert np.std(found - true) < 0.1 * true.std()
    assert np.polyfit(true, found, 1)[0] == pytest.approx(1, abs=0.1)
    # which the distribution of returns in units of it makes up for
    lows, highs = fitted.quantiles(WindowSet(panel, ends[~early], STEPS))[:, [1, -2]].T
    actual = panel.returns[ends[~early] + 1]
    assert np.mean((lows <= actual) & (actual <= highs)) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("closes_only", [False, True])
@pytest.mark.parametrize("strong", [False, True])
def test_quantiles_are_the_volatility_times_those_of_standard_returns(
    *, strong: bool, closes_only: bool
) -> None:
    panel = simulated(3, 300)
    ends = panel.ends(STEPS)

    fitted = log_har.fit(WindowSet(panel, ends[:-50], STEPS, closes_only), LEVELS, strong=strong)

    logs = fitted.log_volatilities(WindowSet(panel, ends, STEPS, closes_only))
    standard = panel.returns[ends[:-50] + 1] / np.exp(logs[:-50])
    np.testing.assert_allclose(fitted.standard, np.quantile(standard, LEVELS), rtol=1e-9)
    quantiles = fitted.quantiles(WindowSet(panel, ends, STEPS, closes_only))
    np.testing.assert_allclose(quantiles, np.outer(np.exp(logs), fitted.standard))
    assert (np.diff(quantiles, axis=1) > 0).all()
    assert np.isfinite(quantiles).all()


def test_the_weights_are_those_of_least_squares() -> None:
    panel = simulated(3, 300)
    ends = panel.ends(STEPS)
    rows = log_har.features(panel.windows(ends, STEPS), np, strong=False)
    target = np.log(log_har.variances(panel.moves[ends + 1]) + 1e-4) / 2
    solved, *_ = np.linalg.lstsq(np.c_[np.ones(len(rows)), rows], target)

    fitted = log_har.fit(WindowSet(panel, ends, STEPS), LEVELS, strong=False)

    expected = np.c_[np.ones(len(rows)), rows] @ solved
    np.testing.assert_allclose(
        fitted.log_volatilities(WindowSet(panel, ends, STEPS)), expected, atol=1e-3
    )


def test_features_that_never_change_count_for_nothing() -> None:
    panel = simulated(3, 300)
    ends = panel.ends(STEPS)

    fitted = log_har.fit(WindowSet(panel, ends, STEPS, closes_only=True), LEVELS, strong=True)

    # the share of the night, which is all but the floor, and logs of ranges that closes lack
    never = np.r_[16:19, 34:40]
    assert np.flatnonzero(np.isinf(fitted.scales)).tolist() == never.tolist()
    assert not fitted.weights[never].any()
    logs = fitted.log_volatilities(WindowSet(panel, ends, STEPS, closes_only=True))
    actual = np.log(log_har.variances(panel.moves[ends + 1])) / 2
    assert np.corrcoef(logs, actual)[0, 1] > 0.5


@pytest.mark.parametrize("closes_only", [False, True])
@pytest.mark.parametrize("still", [5, 22, 26, 30])
def test_a_price_that_came_to_a_standstill_is_not_wild(still: int, *, closes_only: bool) -> None:
    panel = simulated(4, 400)
    ends = panel.ends(STEPS)
    fitted = log_har.fit(WindowSet(panel, ends, STEPS, closes_only), LEVELS, strong=True)
    drawn = sessions_of(np.ones(STEPS), np.random.default_rng(3))
    stopped = panel_of(np.r_[drawn[still:], np.zeros((still + 1, 4))])

    [halted] = fitted.log_volatilities(WindowSet(stopped, np.array([STEPS]), STEPS, closes_only))
    [moving] = fitted.log_volatilities(
        WindowSet(panel_of(np.r_[drawn, drawn]), np.array([STEPS]), STEPS, closes_only)
    )

    assert halted < moving
