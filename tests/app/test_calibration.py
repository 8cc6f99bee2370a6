"""Intervals adapted by history: against plain loops, and what tracking promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.forecasting import conformal, quantiles
from app.forecasting.arrays import Floats
from tests.builders import NORMAL, QUANTILES

MISSES = np.array([0.05, 0.2])
excesses = arrays(np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=st.floats(-9, 9))


@given(excesses, st.floats(0, 1))
def test_tracking_is_a_plain_loop(excess: Floats, gain: float) -> None:
    widths = conformal.track(excess, MISSES, gain)

    assert widths.shape == (len(excess) + 1, 2)
    for pair, share in enumerate(MISSES.tolist()):
        width = 0.0
        for found, given_ in zip(widths[:, pair], [*excess[:, pair], None], strict=True):
            assert found == pytest.approx(width, abs=1e-12)
            if given_ is not None:
                width += gain * ((1 if given_ > width else 0) - share)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5), st.floats(-2, 2))
def test_in_the_long_run_it_misses_as_often_as_it_should(
    seed: int, gain: float, wrong_by: float
) -> None:
    """Whatever the prices do: the bound of Angelopoulos, Candes and Tibshirani, proposition 1."""
    sessions, reach = 2_000, 4.0
    excess = np.random.default_rng(seed).uniform(-reach, reach, (sessions, 2)) + wrong_by

    widths = conformal.track(excess, MISSES, gain)

    missed = (excess > widths[:-1]).mean(axis=0)
    assert np.abs(missed - MISSES).max() <= (reach + abs(wrong_by) + gain) / (gain * sessions)


def forecasts(sessions: int, *, seed: int = 3, factor: float = 1.0) -> tuple[Floats, Floats]:
    """Return normal quantiles `factor` times as wide as they should be, and outcomes."""
    rng = np.random.default_rng(seed)
    deviations = rng.uniform(0.5, 3, sessions + 1)
    own = factor * deviations[:, None] * np.array(NORMAL)
    return own, deviations[:-1] * rng.normal(size=sessions)


def adapted(own: Floats, outcomes: Floats, gain: float = 0.1) -> Floats:
    spreads = quantiles.spread(own, QUANTILES)
    return conformal.adapt(own, spreads, outcomes, QUANTILES, gain)


def test_adapting_is_a_plain_loop() -> None:
    own, outcomes = forecasts(90, factor=0.7)

    found = adapted(own, outcomes)

    widths = {0: 0.0, 1: 0.0}
    for now in range(91):
        spread = (own[now, 3] - own[now, 1]) / 2 / 1.2816
        row = own[now].copy()
        for pair, width in widths.items():
            row[pair] -= width * spread
            row[-1 - pair] += width * spread
        row[[0, -1]] = min(row[0], row[1]), max(row[-1], row[-2])
        assert found[now] == pytest.approx(row, abs=1e-9)
        if now < 90:
            for pair, share in ((0, 0.05), (1, 0.2)):
                excess = max(own[now, pair] - outcomes[now], outcomes[now] - own[now, -1 - pair])
                widths[pair] += 0.1 * ((excess / spread > widths[pair]) - share)


@pytest.mark.parametrize("session", [0, 40, 89])
def test_a_session_changes_nothing_before_it(session: int) -> None:
    own, outcomes = forecasts(90)
    changed = outcomes.copy()
    changed[session] = 99.0

    before, after = adapted(own, outcomes), adapted(own, changed)

    assert np.array_equal(before[: session + 1], after[: session + 1])
    assert not np.array_equal(before[session + 1 :], after[session + 1 :])


@pytest.mark.parametrize(("factor", "wider"), [(0.3, True), (3.0, False)])
def test_too_narrow_gets_wider_and_too_wide_narrower(factor: float, wider: bool) -> None:  # noqa: FBT001
    own, outcomes = forecasts(400, factor=factor)

    found = adapted(own, outcomes)

    width = found[-1, -1] - found[-1, 0]
    assert (width > own[-1, -1] - own[-1, 0]) == wider
    assert (np.diff(found, axis=1) >= 0).all()


def test_a_network_without_spread_is_left_at_its_median() -> None:
    own = np.zeros((91, 5))

    found = adapted(own, np.ones(90))

    assert np.isfinite(found).all()
    assert found == pytest.approx(0, abs=1e-6)


def test_no_gain_changes_nothing() -> None:
    own, outcomes = forecasts(90)

    assert np.array_equal(adapted(own, outcomes, gain=0.0), own)
