"""Every score of a distribution against a plain loop, and against what is known of it."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from app.forecasting.arrays import Floats
from training.evaluation import quantile_scores

LEVELS = np.array(
    [0.005, 0.01, 0.025, 0.05, *np.arange(1, 10) / 10, 0.95, 0.975, 0.99, 0.995],
)


def normal(sd: Floats, levels: Floats = LEVELS, *, mean: float = 0.0) -> Floats:
    """Return the quantiles (n, k) of normal distributions."""
    quantiles: Floats = mean + sd[:, None] * stats.norm.ppf(levels)
    return quantiles


def market(count: int = 20_000, *, seed: int = 1) -> tuple[Floats, Floats]:
    """Return values (n,) drawn from normal distributions, and the standard deviation of each."""
    generator = np.random.default_rng(seed)
    sd = np.exp(generator.normal(0, 0.5, count))
    return sd * generator.normal(size=count), sd


value = st.floats(-1e4, 1e4)


@st.composite
def forecasts(draw: st.DrawFn) -> tuple[Floats, Floats, Floats]:
    """Draw actual values (n,), quantiles (n, k) of which some are equal, and levels (k,)."""
    lower = sorted(draw(st.sets(st.integers(1, 499), min_size=1, max_size=4)))
    levels = np.array([*lower, 500, *(1000 - level for level in reversed(lower))]) / 1000
    row = st.lists(value | st.integers(-3, 3), min_size=len(levels), max_size=len(levels))
    rows = draw(st.lists(st.tuples(value | st.integers(-3, 3), row), min_size=1, max_size=8))
    quantiles = np.array([sorted(each) for _, each in rows], dtype=np.float64)
    return np.array([actual for actual, _ in rows], dtype=np.float64), quantiles, levels


def loss(actual: float, quantile: float, level: float) -> float:
    error = actual - quantile
    return level * error if error > 0 else (level - 1) * error


@given(forecasts())
def test_pinball_and_crps_are_those_of_a_plain_loop(
    forecast: tuple[Floats, Floats, Floats],
) -> None:
    actual, quantiles, levels = forecast
    last = len(levels) - 1

    pinball = quantile_scores.pinball(actual, quantiles, levels)
    crps = quantile_scores.crps(actual, quantiles, levels)

    for row in range(len(actual)):
        total = 0.0
        for j, level in enumerate(levels):
            expected = loss(actual[row], quantiles[row, j], level)
            assert pinball[row, j] == pytest.approx(expected)
            start = 0.0 if j == 0 else (levels[j - 1] + level) / 2
            end = 1.0 if j == last else (level + levels[j + 1]) / 2
            total += 2 * (end - start) * expected
        assert crps[row] == pytest.approx(total)
    assert (crps >= 0).all()


def test_the_crps_of_finer_levels_approaches_the_closed_form_of_a_normal_distribution() -> None:
    actual, sd = market(500)
    z = actual / sd
    exact = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / math.sqrt(math.pi))
    furthest = []
    for count in (10, 100, 1000):
        levels = (np.arange(count) + 0.5) / count
        crps = quantile_scores.crps(actual, normal(sd, levels), levels)
        furthest.append(float(np.abs(crps - exact).max()))

    assert furthest[0] > 5 * furthest[1] > 25 * furthest[2]
    assert furthest[2] < 0.01
    served = quantile_scores.crps(actual, normal(sd), LEVELS)
    assert served.mean() == pytest.approx(exact.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("stretch", "shift"), [(1.5, 0.0), (0.6, 0.0), (1.0, 0.5)], ids=["wide", "narrow", "shifted"]
)
def test_a_wrong_forecast_scores_worse_than_the_right_one(stretch: float, shift: float) -> None:
    actual, sd = market()
    right, wrong = normal(sd), normal(stretch * sd, mean=shift)

    assert score(actual, wrong) > 1.02 * score(actual, right)
    assert interval_score_90(actual, wrong) > 1.02 * interval_score_90(actual, right)


def score(actual: Floats, quantiles: Floats) -> float:
    return float(quantile_scores.crps(actual, quantiles, LEVELS).mean())


def interval_score_90(actual: Floats, quantiles: Floats) -> float:
    low, high = quantile_scores.interval(quantiles, LEVELS, 90)
    return float(quantile_scores.interval_score(actual, low, high, 90).mean())


@given(
    st.lists(st.tuples(*[st.integers(-3, 3) | value] * 3), min_size=1),
    st.sampled_from([50, 90, 99]),
)
def test_interval_scores_are_those_of_a_plain_loop(
    rows: list[tuple[float, float, float]], level: float
) -> None:
    actual, *ends = np.array(rows, dtype=np.float64).T
    low, high = np.sort(ends, axis=0)

    scored = quantile_scores.interval_score(actual, low, high, level)

    inside, widths = 0, 0.0
    for row, (y, one, other) in enumerate(rows):
        bottom, top = min(one, other), max(one, other)
        beyond = max(bottom - y, y - top, 0)
        assert scored[row] == pytest.approx(top - bottom + 200 / (100 - level) * beyond)
        inside += bottom <= y <= top
        widths += top - bottom
    assert quantile_scores.coverage(actual, low, high) == pytest.approx(inside / len(rows))
    assert quantile_scores.width(low, high) == pytest.approx(widths / len(rows))


@given(forecasts())
def test_an_interval_score_is_the_pinball_loss_of_its_ends(
    forecast: tuple[Floats, Floats, Floats],
) -> None:
    actual, quantiles, levels = forecast
    level = 100 * (1 - 2 * levels[0])
    low, high = quantile_scores.interval(quantiles, levels, level)

    scored = quantile_scores.interval_score(actual, low, high, level)

    losses = quantile_scores.pinball(actual, quantiles, levels)[:, [0, -1]].sum(axis=1)
    np.testing.assert_allclose(scored, losses / levels[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("level", "low", "high"), [(80, 4, 12), (90, 3, 13), (99, 0, 16)])
def test_an_interval_has_the_quantiles_of_its_two_levels(level: float, low: int, high: int) -> None:
    _, sd = market(5)
    quantiles = normal(sd)
    # as a caller may write them, and a last bit from the literal ones
    mirrored = np.r_[LEVELS[:9], 1 - LEVELS[7::-1]]

    for levels in (LEVELS, mirrored):
        found = quantile_scores.interval(quantiles, levels, level)
        np.testing.assert_array_equal(found, quantiles[:, [low, high]].T)


@pytest.mark.parametrize("level", [85, 89.9, 100])
def test_an_interval_whose_levels_are_not_there_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=f"the interval of {level} % needs the level"):
        quantile_scores.interval(normal(np.ones(3)), LEVELS, level)


def test_the_coverage_of_each_group_is_that_of_a_plain_loop() -> None:
    actual, sd = market(300)
    low, high = -sd, 1.5 * sd
    groups = np.random.default_rng(3).choice([2, 5, 11], 300)
    held: dict[int, list[bool]] = {2: [], 5: [], 11: []}
    for y, bottom, top, group in zip(actual, low, high, groups, strict=True):
        held[int(group)].append(bool(bottom <= y <= top))

    found = quantile_scores.coverage_by(actual, low, high, groups)

    assert found == {group: pytest.approx(sum(each) / len(each)) for group, each in held.items()}


def test_terciles_of_volatility_are_equal_thirds_from_calm_to_wild() -> None:
    _, sd = market(100)

    terciles = quantile_scores.volatility_terciles(normal(sd), LEVELS)

    assert np.bincount(terciles).tolist() == [34, 33, 33]
    calm, middle, wild = (sd[terciles == third] for third in range(3))
    assert calm.max() < middle.min()
    assert middle.max() < wild.min()


def test_an_interval_that_knows_no_volatility_covers_too_much_when_calm() -> None:
    actual, sd = market()
    terciles = quantile_scores.volatility_terciles(normal(sd), LEVELS)
    flat = np.full(len(actual), actual.std())

    blind, seeing = (
        quantile_scores.coverage_by(
            actual, *quantile_scores.interval(normal(each), LEVELS, 80), terciles
        )
        for each in (flat, sd)
    )

    assert blind[0] > 0.9
    assert blind[2] < 0.75
    assert seeing == {third: pytest.approx(0.8, abs=0.02) for third in range(3)}


def test_equal_widths_still_make_three_thirds_by_row() -> None:
    terciles = quantile_scores.volatility_terciles(normal(np.ones(300)), LEVELS)

    np.testing.assert_array_equal(terciles, np.repeat([0, 1, 2], 100))


variance = st.floats(1e-3, 1e3)


@given(st.lists(st.tuples(variance | st.just(0.0), variance), min_size=1))
def test_qlike_is_that_of_a_plain_loop_over_the_rows_that_moved(
    rows: list[tuple[float, float]],
) -> None:
    actual, expected = np.array(rows).T
    losses = [v / s - math.log(v / s) - 1 for v, s in rows if v]

    if not losses:
        with pytest.raises(ValueError, match="needs an actual variance above 0"):
            quantile_scores.qlike(actual, expected)
    else:
        mean = sum(losses) / len(losses)
        assert quantile_scores.qlike(actual, expected) == pytest.approx(mean, abs=1e-9)


def test_qlike_by_squared_returns_is_smallest_at_the_true_variance() -> None:
    actual, sd = market()

    assert quantile_scores.qlike(sd**2, sd**2) == 0
    low, true, high = (quantile_scores.qlike(actual**2, f * sd**2) for f in (0.8, 1.0, 1.25))
    assert true < min(low, high)


def test_qlike_of_no_variance_is_refused() -> None:
    with pytest.raises(ValueError, match="needs expected variances above 0, the lowest is 0"):
        quantile_scores.qlike(np.ones(2), np.array([1.0, 0.0]))


@given(forecasts())
# two quantiles a hair apart, and values far beyond them
@example((np.array([-1.0, 1.0]), np.array([[0, 1e-310, 2e-310]] * 2), np.array([0.1, 0.5, 0.9])))
def test_the_probability_transform_is_that_of_a_plain_loop(
    forecast: tuple[Floats, Floats, Floats],
) -> None:
    actual, quantiles, levels = forecast

    transform = quantile_scores.pit(actual, quantiles, levels)

    for y, row, found in zip(actual, quantiles, transform, strict=True):
        if y < row[0]:
            expected = levels[0] / 2
        elif y > row[-1]:
            expected = (1 + levels[-1]) / 2
        elif y in row:
            expected = max(level for q, level in zip(row, levels, strict=True) if q == y)
        else:
            j = max(j for j, q in enumerate(row) if q < y)
            part = (y - row[j]) / (row[j + 1] - row[j])
            expected = levels[j] + part * (levels[j + 1] - levels[j])
        assert found == pytest.approx(expected)


@given(forecasts())
def test_reliability_is_that_of_a_plain_loop(forecast: tuple[Floats, Floats, Floats]) -> None:
    actual, quantiles, levels = forecast

    found = quantile_scores.reliability(actual, quantiles, levels)

    for j in range(len(levels)):
        below = sum(y <= q for y, q in zip(actual, quantiles[:, j], strict=True))
        assert found[j] == pytest.approx(below / len(actual))


def test_a_calibrated_forecast_is_reliable_and_its_transform_uniform() -> None:
    actual, sd = market()
    quantiles = normal(sd)

    reliability = quantile_scores.reliability(actual, quantiles, LEVELS)
    transform = quantile_scores.pit(actual, quantiles, LEVELS)

    np.testing.assert_allclose(reliability, LEVELS, atol=0.012)
    shares = np.histogram(transform, bins=10, range=(0, 1))[0] / len(actual)
    np.testing.assert_allclose(shares, 0.1, atol=0.012)


def test_the_transform_of_a_forecast_that_is_too_narrow_heaps_up_at_the_ends() -> None:
    actual, sd = market()

    transform = quantile_scores.pit(actual, normal(0.5 * sd), LEVELS)

    shares = np.histogram(transform, bins=10, range=(0, 1))[0] / len(actual)
    assert min(shares[0], shares[-1]) > 0.2 > max(shares[1:-1])


moves = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 3.0])


@given(st.lists(st.tuples(moves, moves), max_size=60))
def test_pesaran_timmermann_is_that_of_a_plain_loop(rows: list[tuple[float, float]]) -> None:
    actual, expected = np.array(rows).reshape(-1, 2).T
    count = right = ups = calls = 0
    for a, e in rows:
        if a and e:
            count += 1
            right += a * e > 0
            ups += a > 0
            calls += e > 0

    found = quantile_scores.pesaran_timmermann(actual, expected)

    if min(ups, calls, count - ups, count - calls) == 0:
        assert found is None
        return
    y, x, n = ups / count, calls / count, count
    chance = y * x + (1 - y) * (1 - x)
    of_hits = chance * (1 - chance) / n
    of_chance = (
        (2 * y - 1) ** 2 * x * (1 - x) / n
        + (2 * x - 1) ** 2 * y * (1 - y) / n
        + 4 * y * x * (1 - y) * (1 - x) / n**2
    )
    statistic = (right / count - chance) / math.sqrt(of_hits - of_chance)
    assert found == pytest.approx((statistic, math.erfc(statistic / math.sqrt(2)) / 2), abs=1e-9)


def test_pesaran_timmermann_tells_knowledge_from_chance_and_from_a_trend() -> None:
    generator = np.random.default_rng(6)
    actual = generator.normal(0.3, 1, 2000)
    chance = generator.normal(0.3, 1, 2000)

    knows = quantile_scores.pesaran_timmermann(actual, 0.3 * actual + chance)
    wrong = quantile_scores.pesaran_timmermann(actual, -0.3 * actual + chance)
    guesses = quantile_scores.pesaran_timmermann(actual, chance)

    assert knows is not None
    assert wrong is not None
    assert guesses is not None
    assert knows[1] < 0.001
    assert 0.02 < guesses[1] < 0.98
    assert wrong[1] > 0.999
    assert quantile_scores.pesaran_timmermann(actual, np.ones(2000)) is None


def losses(
    *, sessions: int = 300, factors: tuple[float, ...] = (0.9, 0.95, 1.02), seed: int = 4
) -> tuple[Floats, Floats, NDArray[np.datetime64], NDArray[np.int64]]:
    """Return losses, reference losses, dates and instruments; each factor is an instrument's."""
    generator = np.random.default_rng(seed)
    count = sessions * len(factors)
    instruments = np.repeat(np.arange(len(factors)) * 3, sessions)
    dates = np.tile(
        np.datetime64("2020-01-01") + np.arange(sessions, dtype="timedelta64[D]"), len(factors)
    )
    reference = generator.gamma(2, size=count) * (1 + instruments)
    ours = reference * np.repeat(factors, sessions) * generator.uniform(0.9, 1.1, count)
    # instruments come and go: not every date has them all
    kept = generator.permuted(np.arange(count))[: count * 4 // 5]
    return ours[kept], reference[kept], dates[kept], instruments[kept]


def test_a_comparison_is_that_of_a_plain_loop() -> None:
    ours, reference, dates, instruments = losses()
    rows = list(zip(ours, reference, dates, instruments, strict=True))
    skills, means = {}, {}
    for code in (0, 3, 6):
        own = [(a, b) for a, b, _, instrument in rows if instrument == code]
        means[code] = sum(b for _, b in own) / len(own)
        skills[code] = 1 - sum(a for a, _ in own) / len(own) / means[code]
    gains = []
    for date in sorted(set(dates.tolist())):
        day = [(b - a) / means[code] for a, b, when, code in rows if when == np.datetime64(date)]
        gains.append(sum(day) / len(day))
    count, mean = len(gains), sum(gains) / len(gains)
    long_run = sum((gain - mean) ** 2 for gain in gains) / count
    for lag in range(1, 11):
        pairs = zip(gains[lag:], gains[:-lag], strict=True)
        long_run += 2 * (1 - lag / 11) * sum((a - mean) * (b - mean) for a, b in pairs) / count

    found = quantile_scores.compare(ours, reference, dates, instruments)

    assert found.skill == pytest.approx(1 - sum(ours) / sum(reference))
    assert found.median_skill == pytest.approx(sorted(skills.values())[1])
    assert found.wins == pytest.approx(2 / 3)
    assert found.worst_instrument == 6
    assert found.worst_skill == pytest.approx(skills[6])
    assert found.t == pytest.approx(mean / math.sqrt(long_run / count))


def test_t_is_positive_for_the_smaller_losses_and_changes_sign_with_the_sides() -> None:
    ours, reference, dates, instruments = losses()

    better = quantile_scores.compare(ours, reference, dates, instruments)
    worse = quantile_scores.compare(reference, ours, dates, instruments)

    assert better.t is not None
    assert worse.t is not None
    assert better.t > 2 > -2 > worse.t
    assert better.skill > 0 > worse.skill


def test_no_instrument_rules_by_the_size_of_its_losses() -> None:
    ours, reference, dates, instruments = losses()
    size = np.where(instruments == 6, 1000.0, 1.0)

    found = quantile_scores.compare(ours, reference, dates, instruments)
    larger = quantile_scores.compare(size * ours, size * reference, dates, instruments)

    assert larger.t == pytest.approx(found.t)
    assert larger.median_skill == pytest.approx(found.median_skill)
    assert larger.skill == pytest.approx(larger.worst_skill, abs=0.001)


def test_a_forecast_against_itself_has_no_skill_and_no_t() -> None:
    ours, _, dates, instruments = losses()

    found = quantile_scores.compare(ours, ours, dates, instruments)

    assert found.t is None
    assert (found.skill, found.median_skill, found.wins, found.worst_skill) == (0, 0, 0, 0)


def test_a_reference_that_is_never_wrong_is_refused() -> None:
    ours, reference, dates, instruments = losses()

    with pytest.raises(ValueError, match="above 0 for each instrument, for 3 it is 0"):
        quantile_scores.compare(ours, np.where(instruments == 3, 0, reference), dates, instruments)
    with pytest.raises(ValueError, match="mean loss is above 0, it is 0"):
        quantile_scores.skill(ours, np.zeros_like(ours))
