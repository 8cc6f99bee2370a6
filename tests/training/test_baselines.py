"""Every baseline against a plain loop, and against what it may not know."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from arch import arch_model
from scipy import stats

from app.forecasting.arrays import Bools, Floats
from training.baselines import forecasters, garch
from training.baselines.forecasters import BASELINES
from training.datasets.panel import Panel, Rows

LEVELS = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])
STEPS = 20
DISTRIBUTIONS = [name for name in BASELINES if name not in {"naive", "drift"}]
GARCH = {"GARCH(1,1)-t": False, "GJR-GARCH(1,1)-t": True}


def panel_of(*instruments: Sequence[float] | Floats, unusable: Sequence[int] = ()) -> Panel:
    """Return a panel of these returns in percent, half of each overnight; dates from one day on."""
    counts = [len(each) + 1 for each in instruments]
    returns = np.concatenate([[0.0, *each] for each in instruments])
    moves = np.zeros((len(returns), 4))
    moves[:, 0] = moves[:, 3] = returns / 2
    usable = np.ones(len(returns), dtype=np.bool_)
    usable[np.cumsum([0, *counts[:-1]])] = False
    usable[list(unusable)] = False
    return Panel(
        moves=moves,
        dates=np.concatenate(
            [
                np.datetime64("2010-01-01") + np.arange(each, dtype="timedelta64[D]")
                for each in counts
            ]
        ),
        instruments=np.repeat(np.arange(len(counts)), counts),
        names=tuple(f"I{number}" for number in range(len(counts))),
        usable=usable,
    )


def simulated(
    count: int, *, seed: int = 1, gamma: float = 0.0, alpha: float = 0.1
) -> tuple[Floats, Floats]:
    """Draw returns of a GJR-GARCH(1,1)-t process, and the true volatility of each."""
    generator = np.random.default_rng(seed)
    shocks = generator.standard_t(6, count) * math.sqrt(4 / 6)
    returns, volatility = np.empty(count), np.empty(count)
    variance = 1.5
    for day in range(count):
        volatility[day] = math.sqrt(variance)
        error = volatility[day] * shocks[day]
        returns[day] = 0.05 + error
        variance = 0.05 + (alpha + gamma * (error < 0)) * error**2 + 0.85 * variance
    return returns, volatility


def split(panel: Panel, count: int) -> tuple[Rows, Rows]:
    """Return the ends whose next session is among the last `count` dates, those before first."""
    ends = panel.ends(STEPS)
    late = panel.dates[ends + 1] > panel.dates.max() - np.timedelta64(count, "D")
    return ends[~late], ends[late]


def fitted(returns: Floats, *, gjr: bool) -> dict[str, float]:
    """Let `arch` fit these returns, and give the parameters by name."""
    model = arch_model(returns, vol="GARCH", p=1, o=int(gjr), q=1, dist="t", rescale=False)
    return {str(name): float(value) for name, value in model.fit(disp="off").params.items()}


def loop(returns: Floats, parameters: dict[str, float]) -> Floats:
    """Return the GARCH quantiles of the session after the last return."""
    mu, nu = parameters["mu"], parameters["nu"]
    variance = float(np.var(returns))  # forgotten by the end
    for value in returns:
        error = value - mu
        weight = parameters["alpha[1]"]
        if error < 0:
            weight += parameters.get("gamma[1]", 0.0)
        variance = parameters["omega"] + weight * error**2 + parameters["beta[1]"] * variance
    unit = [stats.t.ppf(level, nu) / math.sqrt(nu / (nu - 2)) for level in LEVELS]
    return np.array([mu + math.sqrt(variance) * each for each in unit])


def test_the_registry_is_in_the_order_of_the_reports() -> None:
    assert list(BASELINES) == [
        "naive",
        "drift",
        "historical simulation (250)",
        "EWMA, filtered residuals",
        "GARCH(1,1)-t",
        "GJR-GARCH(1,1)-t",
    ]


@pytest.mark.parametrize("name", BASELINES)
def test_every_quantile_is_finite_and_none_falls(name: str) -> None:
    panel = panel_of(simulated(700)[0])
    train, test = split(panel, 100)

    quantiles = BASELINES[name](panel, train, test, LEVELS)

    assert quantiles.shape == (100, len(LEVELS))
    assert np.isfinite(quantiles).all()
    steps = np.diff(quantiles, axis=1)
    assert (steps > 0).all() if name in DISTRIBUTIONS else (steps == 0).all()


@pytest.mark.parametrize("name", BASELINES)
def test_what_comes_after_the_end_changes_nothing_and_what_came_before_does(name: str) -> None:
    # of GARCH one: two begin processes, and the series are fitted apart
    counts = [700] if name in GARCH else [700, 650]
    series = [simulated(count, seed=seed)[0] for seed, count in enumerate(counts)]
    panel = panel_of(*series)
    train, test = split(panel, 150)
    today = np.sort(np.unique(panel.dates[test]))[70]
    ours = BASELINES[name](panel, train, test, LEVELS)

    def with_other(rows: Bools) -> Floats:
        moves = np.where(rows[:, None], 3 * panel.moves - 1, panel.moves)
        return BASELINES[name](replace(panel, moves=moves), train, test, LEVELS)

    after = with_other(panel.dates > today)
    upto = panel.dates[test] <= today
    np.testing.assert_array_equal(after[upto], ours[upto])
    if name != "naive":
        assert (after[~upto] != ours[~upto]).any(axis=1).all()
        before = with_other(panel.dates == today)
        now = panel.dates[test] == today
        assert (before[now] != ours[now]).any(axis=1).all()


@pytest.mark.parametrize("name", BASELINES)
def test_unusable_rows_are_as_if_they_were_not_there(name: str) -> None:
    returns = simulated(700)[0]
    wild = np.insert(returns, [100, 640], [900.0, -900.0])
    panel = panel_of(wild, unusable=[101, 642])
    test = np.arange(650, 700)
    clean = panel_of(returns)

    quantiles = BASELINES[name](panel, np.r_[30:99, 110:500], test, LEVELS)

    expected = BASELINES[name](clean, np.r_[30:99, 109:499], test - 2, LEVELS)
    np.testing.assert_array_equal(quantiles, expected)


@pytest.mark.parametrize("name", ["historical simulation (250)", "EWMA, filtered residuals"])
def test_ends_may_come_in_any_order(name: str) -> None:
    panel = panel_of(simulated(400)[0], simulated(300, seed=2)[0])
    train, test = split(panel, 50)
    order = np.random.default_rng(1).permutation(len(test))

    shuffled = BASELINES[name](panel, train[::-1], test[order], LEVELS)

    np.testing.assert_array_equal(shuffled, BASELINES[name](panel, train, test, LEVELS)[order])


def test_naive_forecasts_no_change() -> None:
    panel = panel_of(simulated(100)[0])
    train, test = split(panel, 10)

    assert not forecasters.naive(panel, train, test, LEVELS).any()


def test_drift_is_the_mean_of_all_returns_so_far() -> None:
    first, second = simulated(90)[0], simulated(80, seed=2)[0]
    panel = panel_of(first, second)
    # a return's row is one later than its place in the series, as the first row has none
    test = np.array([60, 61, 91 + 50])

    quantiles = forecasters.drift(panel, panel.ends(STEPS)[:5], test, LEVELS)

    for row, past in enumerate([first[:60], first[:61], second[:50]]):
        np.testing.assert_allclose(quantiles[row], sum(past) / len(past), rtol=1e-12)


def test_historical_simulation_interpolates_between_the_sorted_last_250_returns() -> None:
    returns = simulated(400)[0]
    panel = panel_of(returns)
    test = np.array([100, 249, 250, 251, 399])

    quantiles = forecasters.historical_simulation(panel, panel.ends(STEPS)[:5], test, LEVELS)

    for row, end in enumerate(test):
        past = sorted(returns[max(0, end - 250) : end])
        assert len(past) == min(end, 250)
        for column, level in enumerate(LEVELS):
            place = level * (len(past) - 1)
            low = int(place)
            expected = past[low] + (place - low) * (past[low + 1] - past[low])
            assert quantiles[row, column] == pytest.approx(expected)


def test_fewer_than_60_returns_are_too_few_to_simulate_from() -> None:
    panel = panel_of(simulated(100)[0])
    train, test = np.arange(20, 40), np.array([58, 59, 60])

    simulation = forecasters.historical_simulation(panel, train, test, LEVELS)

    ewma = forecasters.ewma(panel, train, test, LEVELS)
    np.testing.assert_array_equal(simulation[:2], ewma[:2])
    assert (simulation[2] != ewma[2]).all()


def test_ewma_scales_the_pooled_residuals_of_the_train_rows() -> None:
    series = [simulated(90)[0], 3 * simulated(80, seed=2)[0]]
    panel = panel_of(*series)
    train, test = split(panel, 20)
    volatility, residuals = {}, []
    for first, returns in zip([0, 91], series, strict=True):
        for end in range(1, len(returns)):
            weights = [0.94**age for age in range(end)]
            squares = [value**2 for value in reversed(returns[:end])]
            mean = sum(w * s for w, s in zip(weights, squares, strict=True)) / sum(weights)
            volatility[first + end] = math.sqrt(mean)
            if first + end in train:
                residuals.append(returns[end] / math.sqrt(mean))
    assert len(residuals) == len(train)

    quantiles = forecasters.ewma(panel, train, test, LEVELS)

    expected = [volatility[end] * np.quantile(residuals, LEVELS) for end in test.tolist()]
    np.testing.assert_allclose(quantiles, expected, rtol=1e-12)


def test_ewma_follows_the_recursion_of_riskmetrics() -> None:
    returns = simulated(700)[0]
    panel = panel_of(returns)
    train, test = split(panel, 60)
    variance = 1.5
    widths = []
    for value in returns[:-1]:
        variance = 0.94 * variance + 0.06 * value**2
        widths.append(math.sqrt(variance))

    quantiles = forecasters.ewma(panel, train, test, LEVELS)

    ratio = quantiles[:, -1] / np.array(widths[-60:])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_prices_that_never_moved_have_a_volatility_of_one_basis_point() -> None:
    panel = panel_of(simulated(200)[0], np.zeros(200))
    train, test = np.arange(30, 150), np.array([201 + 100])

    quantiles = forecasters.ewma(panel, train, test, LEVELS)

    moving = forecasters.ewma(panel, train, np.array([100]), LEVELS)
    assert np.isfinite(quantiles).all()
    assert quantiles[0, -1] / quantiles[0, 0] == pytest.approx(moving[0, -1] / moving[0, 0])
    assert 0.01 < quantiles[0, -1] < 0.05


@pytest.mark.parametrize(("name", "gjr"), GARCH.items())
def test_garch_is_the_plain_recursion_with_the_parameters_that_arch_finds(
    name: str, *, gjr: bool
) -> None:
    returns, _ = simulated(1500, gamma=0.08, alpha=0.05)
    panel = panel_of(returns)
    test = np.arange(1400, 1400 + 70)

    quantiles = BASELINES[name](panel, panel.ends(STEPS)[:500], test, LEVELS)

    first = fitted(returns[150:1400], gjr=gjr)
    for row in (0, 1, 62):
        expected = loop(returns[: 1400 + row], first)
        np.testing.assert_allclose(quantiles[row], expected, rtol=1e-6)
    # the second fit begins where the first ended, and so ends not quite where arch's own does
    second = fitted(returns[213:1463], gjr=gjr)
    for row in (63, 69):
        expected = loop(returns[: 1400 + row], second)
        np.testing.assert_allclose(quantiles[row], expected, rtol=2e-3)
        assert np.abs(quantiles[row] / loop(returns[: 1400 + row], first) - 1).max() > 5e-3


def test_garch_recovers_the_volatility_of_a_garch_process() -> None:
    returns, volatility = simulated(1600)
    panel = panel_of(returns)
    train, test = split(panel, 300)

    quantiles = forecasters.garch_t(panel, train, test, LEVELS)

    true = volatility[-300:, None] * stats.t.ppf(LEVELS, 6) * math.sqrt(4 / 6) + 0.05
    width, true_width = quantiles[:, -2] - quantiles[:, 1], true[:, -2] - true[:, 1]
    assert np.abs(np.log(width / true_width)).max() < 0.15
    assert np.corrcoef(width, true_width)[0, 1] > 0.98
    inside = (quantiles[:, 1] <= returns[-300:]) & (returns[-300:] <= quantiles[:, -2])
    assert 0.85 < inside.mean() < 0.95


def test_gjr_finds_that_falls_shake_more_than_rises() -> None:
    returns, volatility = simulated(1600, gamma=0.2, alpha=0.02)
    panel = panel_of(returns)
    train, test = split(panel, 200)
    errors = []
    for baseline in (forecasters.garch_t, forecasters.gjr_t):
        quantiles = baseline(panel, train, test, LEVELS)
        width = quantiles[:, -2] - quantiles[:, 1]
        errors.append(np.log(width / volatility[-200:]).std())

    assert errors[1] < 0.5 * errors[0]


def test_instruments_that_are_fitted_side_by_side_do_not_know_each_other() -> None:
    series = [simulated(700)[0], simulated(650, seed=2)[0]]
    panel = panel_of(*series)
    train, test = split(panel, 60)

    together = forecasters.garch_t(panel, train, test, LEVELS)

    apart = []
    for returns in series:
        alone = panel_of(returns)
        ends = alone.ends(STEPS)
        late = ends[alone.dates[ends + 1] > panel.dates.max() - np.timedelta64(60, "D")]
        apart.append(forecasters.garch_t(alone, ends[:100], late, LEVELS))
    # as far as an optimiser goes: those together are fitted in processes of their own, where the
    # same sums can come out otherwise in the last bits (1e-5 was seen)
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-4)


def test_below_500_returns_garch_is_ewma(capsys: pytest.CaptureFixture[str]) -> None:
    panel = panel_of(simulated(600)[0])
    train, test = np.arange(30, 400), np.arange(450, 550)

    quantiles = forecasters.garch_t(panel, train, test, LEVELS)

    ewma = forecasters.ewma(panel, train, test, LEVELS)
    # 450 are known at the first session, 513 at the one of the first refit
    np.testing.assert_array_equal(quantiles[:63], ewma[:63])
    assert (quantiles[63:] != ewma[63:]).any(axis=1).all()
    said = capsys.readouterr().err
    assert "GARCH(1,1)-t: 1 fits, 0 did not converge" in said
    assert "EWMA stands in for 63 of 100 forecasts" in said


def test_where_no_fit_converges_garch_is_ewma(capsys: pytest.CaptureFixture[str]) -> None:
    returns = np.concatenate([simulated(100)[0], np.zeros(1500)])
    panel = panel_of(returns)
    train, test = np.arange(30, 90), np.arange(1500, 1570)

    quantiles = forecasters.gjr_t(panel, train, test, LEVELS)

    np.testing.assert_array_equal(quantiles, forecasters.ewma(panel, train, test, LEVELS))
    said = capsys.readouterr().err
    assert "GJR-GARCH(1,1)-t: 2 fits, 2 did not converge" in said
    assert "EWMA stands in for 70 of 70 forecasts" in said


def test_a_fit_that_fails_leaves_the_parameters_before_it() -> None:
    # when the second is due all that it would be fitted on is a price that stands still
    returns = np.concatenate([simulated(600)[0], np.zeros(1400)])
    series = garch.ReturnSeries(returns, np.array([599, 1900, 1999]), np.array([600, 1900, 1900]))

    forecast = garch.forecast_series(series, LEVELS, gjr=False)

    assert (forecast.fits, forecast.failed) == (2, 1)
    first = fitted(returns[:600], gjr=False)
    for row, end in enumerate(series.ends):
        expected = loop(returns[: end + 1], first)
        np.testing.assert_allclose(forecast.quantiles[row], expected, rtol=1e-6)


@pytest.mark.parametrize("value", [1e160, np.inf], ids=["does not converge", "raises"])
def test_returns_that_cannot_be_fitted_leave_nothing_to_forecast_from(value: float) -> None:
    returns = simulated(600)[0]
    returns[100] = value

    forecast = garch.forecast_series(
        garch.ReturnSeries(returns, np.array([599]), np.array([600])), LEVELS, gjr=False
    )

    assert (forecast.fits, forecast.failed) == (1, 1)
    assert np.isnan(forecast.quantiles).all()
