"""Conformal offsets against a plain loop with exact ranks, and what they promise."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from app.forecasting import conformal
from app.forecasting import quantiles as intervals
from app.forecasting.arrays import Floats
from training.evaluation import calibration
from training.evaluation.calibration import HistoryCalibration

LEVELS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
PAIRS = len(LEVELS) // 2
NOMINAL = [1 - 2 * Fraction(str(level)) for level in LEVELS[:PAIRS]]
KNOWN = np.array(LEVELS)


def forecasts(rows: int, *, seed: int = 1, scale: float = 1.0) -> tuple[Floats, Floats]:
    """Return returns of Student's t with known deviations, and their quantiles times `scale`."""
    generator = np.random.default_rng(seed)
    deviations = np.exp(generator.normal(0, 0.5, rows))
    actual = deviations * generator.standard_t(4, rows)
    return actual, scale * np.outer(deviations, stats.t.ppf(KNOWN, 4))


def plain_offsets(actual: Floats, quantiles: Floats) -> list[float]:
    found = [0.0] * len(LEVELS)
    for pair, nominal in enumerate(NOMINAL):
        excess = []
        for price, row in zip(actual, quantiles, strict=True):
            spread = (row[LEVELS.index(0.9)] - row[LEVELS.index(0.1)]) / (2 * 1.2816)
            excess.append(max(row[pair] - price, price - row[-1 - pair]) / spread)
        rank = math.ceil((len(excess) + 1) * nominal)
        if rank <= len(excess):
            found[-1 - pair] = sorted(excess)[rank - 1]
            found[pair] = -found[-1 - pair]
    return found


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 450), seed=st.integers(0, 1000), scale=st.floats(0.3, 3))
def test_offsets_are_those_of_a_plain_loop(rows: int, seed: int, scale: float) -> None:
    actual, quantiles = forecasts(rows, seed=seed, scale=scale)

    offsets = calibration.offsets(actual, quantiles, KNOWN)

    assert offsets == pytest.approx(plain_offsets(actual, quantiles), abs=1e-9)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.4], ids=["too narrow", "right", "too wide"])
@pytest.mark.parametrize("rows", [199, 200, 1234])
def test_what_was_seen_is_covered_as_promised_and_hardly_more(rows: int, scale: float) -> None:
    actual, quantiles = forecasts(rows, scale=scale)

    offsets = calibration.offsets(actual, quantiles, KNOWN)

    shifted = intervals.shifted(quantiles, LEVELS, offsets)
    for pair, nominal in enumerate(NOMINAL):
        # the outcome that sets the width lies on the edge
        edge = 1e-9
        inside = (shifted[:, pair] - edge <= actual) & (actual <= shifted[:, -1 - pair] + edge)
        assert nominal * rows <= inside.sum() < nominal * rows + 2


def test_later_outcomes_are_covered_too() -> None:
    actual, quantiles = forecasts(6_000, scale=0.6)

    offsets = calibration.offsets(actual[:3_000], quantiles[:3_000], KNOWN)

    shifted = intervals.shifted(quantiles[3_000:], LEVELS, offsets)
    for pair, nominal in enumerate(NOMINAL):
        inside = (shifted[:, pair] <= actual[3_000:]) & (actual[3_000:] <= shifted[:, -1 - pair])
        assert inside.mean() == pytest.approx(float(nominal), abs=0.03)


def test_both_ends_move_alike_and_the_median_stays() -> None:
    actual, quantiles = forecasts(500, scale=0.7)

    offsets = np.array(calibration.offsets(actual + 0.3, quantiles, KNOWN))

    assert offsets[PAIRS] == 0
    np.testing.assert_array_equal(offsets, -offsets[::-1])
    assert (offsets[PAIRS + 1 :] > 0).all()


def test_a_pair_that_too_few_rows_tell_of_is_left_where_it_is() -> None:
    actual, quantiles = forecasts(99, scale=0.3)

    enough = calibration.offsets(actual, quantiles, KNOWN)
    too_few = calibration.offsets(actual[1:], quantiles[1:], KNOWN)

    # of 99 in 100 the farthest of 99 outcomes is the one to cover
    assert enough[-1] > 1
    assert (too_few[0], too_few[-1]) == (0, 0)
    assert all(too_few[PAIRS + 1 : -1])


@pytest.mark.parametrize("rows", [1, 60, 61, 100, 150, 300])
def test_adapted_forecasts_are_those_of_one_request_after_another(rows: int) -> None:
    posted, gain = 80, 0.05
    actual, quantiles = forecasts(rows, scale=0.7)
    spreads = intervals.spread(quantiles, LEVELS)

    adapted = HistoryCalibration(gain, posted).adapt(quantiles, spreads, actual, KNOWN)

    for row in range(rows):
        known = min(row, posted)
        expected = quantiles[row]
        if known >= conformal.FEWEST:
            sent = slice(row - known, row + 1)
            outcomes = actual[row - known : row]
            served = conformal.adapt(quantiles[sent], spreads[sent], outcomes, LEVELS, gain)
            expected = served[-1]
        np.testing.assert_allclose(adapted[row], expected, rtol=1e-9)


def test_intervals_that_are_too_narrow_adapt_to_what_they_should_cover() -> None:
    actual, quantiles = forecasts(2_000, scale=0.6)
    spreads = intervals.spread(quantiles, LEVELS)

    adapted = HistoryCalibration(0.1, 340).adapt(quantiles, spreads, actual, KNOWN)

    low, high = LEVELS.index(0.05), LEVELS.index(0.95)
    before, after = (
        np.mean((each[340:, low] <= actual[340:]) & (actual[340:] <= each[340:, high]))
        for each in (quantiles, adapted)
    )
    assert before < 0.8
    assert after == pytest.approx(0.9, abs=0.02)
