"""Every score against a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.forecasting.arrays import Floats
from tests.builders import random_walk
from training.evaluation import point_scores

pairs = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


@given(pairs)
def test_errors_are_those_of_a_plain_loop(values: list[tuple[float, float]]) -> None:
    actual, expected = np.array(values).T
    absolute = squared = 0.0
    for a, b in values:
        absolute += abs(a - b)
        squared += (a - b) ** 2

    assert point_scores.mae(actual, expected) == pytest.approx(absolute / len(values))
    assert point_scores.rmse(actual, expected) == pytest.approx(math.sqrt(squared / len(values)))


prices = st.floats(0.01, 1e6)
judged = st.lists(st.tuples(prices, prices, prices), min_size=1, max_size=40)


@given(judged, st.floats(0.01, 100))
def test_relative_errors_are_those_of_a_plain_loop(
    values: list[tuple[float, float, float]], scale: float
) -> None:
    actual, expected, _ = np.array(values).T
    relative = scaled = 0.0
    for a, b, _ in values:
        relative += 100 * abs(a - b) / abs(a) / len(values)
        scaled += abs(a - b) / scale / len(values)

    assert point_scores.mape(actual, expected) == pytest.approx(relative)
    assert point_scores.mase(actual, expected, scale) == pytest.approx(scaled)


def test_an_actual_value_of_0_has_no_percentage() -> None:
    assert point_scores.mape(np.array([1.0, 0.0]), np.array([1.0, 1.0])) is None


def test_training_rows_that_never_moved_are_no_scale() -> None:
    still = point_scores.mase_scale(np.ones(5), np.full(5, "a"), percent=False)

    assert still == 0
    assert point_scores.mase(np.ones(5), np.zeros(5), still) is None
    assert point_scores.mase_scale(np.ones(1), np.full(1, "a"), percent=True) == 0


@pytest.mark.parametrize("percent", [False, True])
def test_the_scale_of_mase_is_that_of_a_plain_loop_within_each_instrument(*, percent: bool) -> None:
    rows = np.concatenate([random_walk(30), random_walk(20, start=9000)])
    instruments = np.array(["a"] * 30 + ["b"] * 20)
    steps = []
    for index in range(1, 50):
        if index != 30:
            step = abs(rows[index] - rows[index - 1])
            steps.append(100 * step / rows[index - 1] if percent else step)

    scale = point_scores.mase_scale(rows, instruments, percent=percent)

    assert scale == pytest.approx(sum(steps) / 48)


@given(judged | st.lists(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0])] * 3), min_size=1))
def test_directions_are_those_of_a_plain_loop(values: list[tuple[float, float, float]]) -> None:
    actual, expected, last = np.array(values).T
    right = ups = moved = named = 0
    for a, e, b in values:
        if a != b:
            moved += 1
            named += e != b
            ups += a > b
            right += (a > b and e > b) or (a < b and e < b)

    accuracy = point_scores.directional_accuracy(actual, expected, last)
    base = point_scores.direction_base_rate(actual, last)

    assert accuracy == (pytest.approx(right / moved) if named else None)
    assert base == (pytest.approx(max(ups, moved - ups) / moved) if moved else None)


def test_the_naive_forecast_names_no_direction() -> None:
    walk = random_walk(50)

    assert point_scores.directional_accuracy(walk[1:], walk[:-1], walk[:-1]) is None


def correlation(one: Floats, other: Floats) -> float:
    mean, others = sum(one) / len(one), sum(other) / len(other)
    both = sum((a - mean) * (b - others) for a, b in zip(one, other, strict=True))
    spread = sum((a - mean) ** 2 for a in one) * sum((b - others) ** 2 for b in other)
    return float(both / math.sqrt(spread))


def test_shift_correlations_are_those_of_a_plain_loop() -> None:
    actual, expected = random_walk(60), random_walk(60, seed=8)
    found = point_scores.shift_correlations(actual, expected)

    for shift in (-1, 0, 1):
        shifted = np.array([actual[t + shift] for t in range(1, 59)])
        assert found[shift] == pytest.approx(correlation(expected[1:59], shifted))


@pytest.mark.parametrize(("shift", "moved"), [(-1, 0), (0, 1), (1, 2)])
def test_the_shift_of_a_shifted_price_has_the_best_correlation(shift: int, moved: int) -> None:
    walk = random_walk(302)
    actual, expected = walk[1:301], walk[moved : moved + 300]

    of_prices = point_scores.shift_correlations(actual, expected)
    of_changes = point_scores.shift_correlations(np.diff(actual), np.diff(expected))

    assert of_prices[shift] == pytest.approx(1)
    assert {key for key, value in of_changes.items() if value and value > 0.2} == {shift}


@pytest.mark.parametrize(
    ("actual", "expected"),
    [(np.ones(9), random_walk(9)), (random_walk(9), np.ones(9)), (random_walk(4), random_walk(4))],
    ids=["price never moves", "forecast never moves", "too few"],
)
def test_what_has_no_variance_or_is_too_short_has_no_correlation(
    actual: Floats, expected: Floats
) -> None:
    nothing = {-1: None, 0: None, 1: None}
    instruments = np.full(len(actual), "a")

    assert point_scores.shift_correlations(actual, expected) == nothing
    mean = point_scores.mean_shift_correlations(actual, expected, instruments, changes=False)
    assert mean == nothing


def test_the_mean_over_instruments_leaves_out_those_without_a_correlation() -> None:
    one, other = random_walk(40), random_walk(30, seed=8, start=5000)
    actual = np.concatenate([one[1:], other[1:], np.ones(20)])
    expected = np.concatenate([one[:-1], other[1:], np.ones(20)])
    instruments = np.array(["a"] * 39 + ["b"] * 29 + ["c"] * 20)

    found = point_scores.mean_shift_correlations(actual, expected, instruments, changes=True)

    first = point_scores.shift_correlations(np.diff(one[1:]), np.diff(one[:-1]))[0]
    assert first is not None
    assert found[0] == pytest.approx((first + 1) / 2)


def test_the_mean_by_date_is_that_of_a_plain_loop() -> None:
    dates = np.array(["2020-01-03", "2020-01-02", "2020-01-03"], dtype="datetime64[D]")

    means = point_scores.mean_by_date(dates, np.array([1.0, 5.0, 2.0]))

    assert means.tolist() == [5.0, 1.5]


@pytest.mark.parametrize("chosen", [None, 0, 10])
@pytest.mark.parametrize("count", [5, 21, 503])
def test_diebold_mariano_is_that_of_a_plain_loop(count: int, chosen: int | None) -> None:
    generator = np.random.default_rng(count)
    ours, naive = generator.gamma(2, size=count), generator.gamma(2, size=count)

    differences = [a - b for a, b in zip(ours, naive, strict=True)]
    mean = sum(differences) / count
    lags = math.floor(4 * (count / 100) ** (2 / 9)) if chosen is None else chosen
    variance = sum((d - mean) ** 2 for d in differences) / count
    for lag in range(1, lags + 1):
        covariance = 0.0
        for index in range(lag, count):
            covariance += (differences[index] - mean) * (differences[index - lag] - mean) / count
        variance += 2 * (1 - lag / (lags + 1)) * covariance

    t = point_scores.diebold_mariano(ours, naive, lags=chosen)
    assert t == pytest.approx(mean / math.sqrt(variance / count))


def test_diebold_mariano_knows_which_is_better() -> None:
    loss = np.abs(np.diff(random_walk(500)))

    better = point_scores.diebold_mariano(loss * 0.9, loss)
    worse = point_scores.diebold_mariano(loss * 1.1, loss)

    assert better is not None
    assert worse is not None
    assert better < -2 < 2 < worse


def test_forecasts_that_never_differ_have_no_t() -> None:
    loss = np.ones(9)

    assert point_scores.diebold_mariano(loss, loss) is None
    assert point_scores.sessions_needed(loss, loss, 0.01) is None


@pytest.mark.parametrize("t", [0.5, -2.0, 4.0])
@pytest.mark.parametrize("sessions", [2, 21, 252])
def test_the_p_value_is_the_area_beyond_both_ends_of_students_t(t: float, sessions: int) -> None:
    freedom = sessions - 1
    end = abs(t) * math.sqrt((sessions - 1) / sessions)
    constant = math.exp(math.lgamma(sessions / 2) - math.lgamma(freedom / 2))
    constant /= math.sqrt(freedom * math.pi)
    between, step = 0.0, end / 10_000
    for index in range(10_000):
        x = (index + 0.5) * step
        between += step * constant * (1 + x * x / freedom) ** (-sessions / 2)

    assert point_scores.p_value(t, sessions) == pytest.approx(1 - 2 * between, abs=1e-6)


def test_the_sessions_needed_are_those_that_find_the_share_with_80_percent_power() -> None:
    generator = np.random.default_rng(5)
    reference = generator.gamma(2, size=400)
    losses = reference + generator.normal(0, 0.3, 400)
    needed = point_scores.sessions_needed(losses, reference, 0.05)
    assert needed is not None
    share = 0.05 * float(reference.mean())
    found = 0
    for _ in range(1000):
        differences = generator.normal(share, 0.3, needed)
        found += int(abs(differences.mean()) / (differences.std() / math.sqrt(needed)) > 1.96)

    assert 0.72 < found / 1000 < 0.88


def test_the_sessions_needed_grow_with_the_square_of_the_share() -> None:
    generator = np.random.default_rng(5)
    losses, reference = generator.gamma(2, size=100), generator.gamma(2, size=100)

    one, ten = (point_scores.sessions_needed(losses, reference, share) for share in (0.01, 0.1))

    assert one is not None
    assert ten is not None
    assert one == pytest.approx(100 * ten, rel=0.01)
    assert point_scores.sessions_needed(losses, np.zeros(100), 0.01) is None
