"""From a network's quantiles to intervals of any level: by hand, and against plain loops."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.forecasting import quantiles
from app.forecasting.arrays import Floats
from tests.builders import NORMAL, QUANTILES

levels = st.floats(1e-6, 99.9999).map(lambda level: round(level, 7))
anything = arrays(np.float64, (3, 5), elements=st.floats(-50, 50))


def share_below(score: float) -> float:
    """Return the distribution function of Student's t with 4 degrees of freedom."""
    square = score * score / (4 + score * score)
    return 0.5 + math.copysign(0.5, score) * math.sqrt(square) * (1 + (1 - square) / 2)


@functools.cache
def score_of(share: float) -> float:
    """Invert it by halving."""
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(middle) < share else (low, middle)
    return low


def interval_by_hand(row: list[float], known: tuple[float, ...], level: float) -> list[float]:
    """Interpolate one end after the other, as the docstring says."""
    ends, scores, median = [], [score_of(each) for each in known], row[len(row) // 2]
    for share in ((100 - level) / 200, (100 + level) / 200):
        score = score_of(share)
        if share <= known[0]:
            ends.append(median + (row[0] - median) * score / scores[0])
        elif share >= known[-1]:
            ends.append(median + (row[-1] - median) * score / scores[-1])
        else:
            above = next(place for place, each in enumerate(known) if each > share)
            part = (score - scores[above - 1]) / (scores[above] - scores[above - 1])
            ends.append(row[above - 1] * (1 - part) + row[above] * part)
    return ends


def test_the_networks_own_levels_come_as_they_are() -> None:
    given_ = np.array([[-3.0, -1.0, 0.5, 2.0, 7.0]])

    ends = quantiles.intervals(given_, QUANTILES, (80.0, 95.0))

    assert ends[0] == pytest.approx(np.array([[-1.0, 2.0], [-3.0, 7.0]]), abs=1e-12)


@given(anything, st.lists(st.floats(0.1, 99.9), min_size=1, max_size=4))
def test_other_levels_are_those_of_a_plain_loop(batch: Floats, asked: list[float]) -> None:
    batch = np.sort(batch, axis=1)

    ends = quantiles.intervals(batch, QUANTILES, tuple(asked))

    assert ends.shape == (3, len(asked), 2)
    for row, found in zip(batch.tolist(), ends, strict=True):
        by_hand = [interval_by_hand(row, QUANTILES, level) for level in asked]
        assert found == pytest.approx(np.array(by_hand), rel=1e-9, abs=1e-9)


def test_the_tails_are_those_of_student() -> None:
    # tables: 2.1318 at 95 %, 4.6041 at 99.5 %, 13.0337 at 99.99 %
    given_ = np.array([[-2.1318, 0.0, 2.1318]])

    ends = quantiles.intervals(given_, (0.05, 0.5, 0.95), (99.0, 99.98, 99.9999))

    assert ends[0, :2, 1] == pytest.approx([4.6041, 13.0337], rel=1e-4)
    assert 40 < ends[0, 2, 1] < 50


@given(anything, st.lists(levels, min_size=2, max_size=6, unique=True))
def test_intervals_never_cross_whatever_the_network_gives(
    batch: Floats, asked: list[float]
) -> None:
    kept = quantiles.outward(batch)
    asked.sort()

    ends = quantiles.intervals(kept, QUANTILES, tuple(asked))

    assert (ends[:, :, 0] <= kept[:, 2, None]).all()
    assert (ends[:, :, 1] >= kept[:, 2, None]).all()
    # a wider level is a wider interval, but for the last digits
    rounding = 1e-12 * (1 + np.abs(ends).max())
    assert (np.diff(ends[:, :, 0], axis=1) <= rounding).all()
    assert (np.diff(ends[:, :, 1], axis=1) >= -rounding).all()


@given(anything)
def test_outward_is_a_plain_loop_from_the_median(batch: Floats) -> None:
    kept = quantiles.outward(batch)

    for row, found in zip(batch.tolist(), kept.tolist(), strict=True):
        expected = list(row)
        for place in (1, 0):
            expected[place] = min(expected[place], expected[place + 1])
        for place in (3, 4):
            expected[place] = max(expected[place], expected[place - 1])
        assert found == expected


def test_the_spread_of_normal_quantiles_is_their_deviation() -> None:
    batch = np.array([1.0, 2.5])[:, None] * np.array(NORMAL) + 7

    assert quantiles.spread(batch, QUANTILES) == pytest.approx([1.0, 2.5], rel=1e-4)


def test_a_spread_needs_no_quantiles_of_the_80_percent_interval() -> None:
    score = score_of(0.9) / score_of(0.95)

    [spread] = quantiles.spread(np.array([[-3.0, 0.0, 3.0]]), (0.05, 0.5, 0.95))

    assert spread == pytest.approx(3 * score / 1.2816)


def test_offsets_are_in_spreads_and_never_make_quantiles_cross() -> None:
    batch = 2.0 * np.array([NORMAL])

    moved = quantiles.shifted(batch, QUANTILES, (-0.5, 0.0, 0.1, 0.0, 0.25))
    crossed = quantiles.shifted(batch, QUANTILES, (3.0, 0.0, 0.0, 0.0, -3.0))

    offsets = 2.0 * np.array([[-0.5, 0.0, 0.1, 0.0, 0.25]])
    assert moved == pytest.approx(batch + offsets, rel=1e-4)
    # what would lie within the 80 % interval is held at its ends
    assert crossed[0] == pytest.approx(batch[0, [1, 1, 2, 3, 3]])
