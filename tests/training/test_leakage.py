"""
Canaries: a forecaster that knows what it may not know is found out, whichever it is.

Each goes the whole way, from folds through every forecaster of a walk forward to quantiles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from app.forecasting.arrays import Floats
from tests.training.panels import sessions_of, simulated
from training.baselines.forecasters import BASELINES
from training.datasets.panel import Panel
from training.datasets.quantile_levels import LEVELS
from training.evaluation import backtest, point_scores, quantile_scores, walk_forward
from training.evaluation.backtest import Backtest, Fold
from training.evaluation.quantile_scores import Comparison
from training.evaluation.walk_forward import LOG_HAR, LOG_HAR_STRONG, NETWORK
from training.recipes.network_kinds import QuantileNetwork
from training.recipes.recipe import Recipe

STEPS = 30
NAMES = (*BASELINES, LOG_HAR, LOG_HAR_STRONG, NETWORK)
SIMULATION = "historical simulation (250)"
WITHOUT_SPREAD = ("naive", "drift")


def forecasters(*, batch_size: int) -> Mapping[str, backtest.Forecaster]:
    """Return those that are walked forward, with a small network that is hardly fitted."""
    recipe = Recipe.model_validate(
        {
            "name": "small",
            "title": "made up",
            "source": "made up",
            "target": "close",
            "window": STEPS + 1,
            "scaler": "returns",
            "network": {"kind": "har-lstm", "units": 4, "dense": 8, "regression_share": 0.25},
            "fit": {"loss": "pinball", "epochs": 3, "batch_size": batch_size},
        }
    )
    assert isinstance(recipe.network, QuantileNetwork)
    return walk_forward.forecasters(recipe, seed=1)


@dataclass(frozen=True)
class Walked:
    """What was forecast of the last fold of a panel, by whom."""

    panel: Panel
    fold: Fold
    quantiles: dict[str, Floats]

    @property
    def actual(self) -> Floats:
        following: Floats = self.panel.returns[self.fold.test + 1]
        return following

    def compared(self, name: str) -> Comparison:
        """Hold a forecaster's score against historical simulation's."""
        after = self.fold.test + 1
        ours, theirs = (
            quantile_scores.crps(self.actual, self.quantiles[each], LEVELS)
            for each in (name, SIMULATION)
        )
        return quantile_scores.compare(
            ours, theirs, self.panel.dates[after], self.panel.instruments[after]
        )


def walked(panel: Panel, work: Path, *names: str, sessions: int, batches: int) -> Walked:
    """Walk over the last sessions of a panel, fitted once, in so many batches of one size."""
    [_, fold] = backtest.cut_folds(
        panel, panel.ends(STEPS), test_sessions=sessions, refit_sessions=sessions
    )
    # a batch of another size would be compiled apart
    size, rest = divmod(len(fold.train), batches)
    assert not rest
    chosen = {name: forecasters(batch_size=size)[name] for name in names}
    cache = Backtest(panel, [fold], LEVELS).run(chosen, work=work, depends_on={})
    return Walked(panel, fold, {name: cache.quantiles(fold, name) for name in names})


@pytest.fixture(scope="module")
def one_core() -> Iterator[None]:
    """GARCH begins a process for each core, which takes longer here than all of its fits."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.cpu_count", lambda: 1)
        yield


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, one_core: None) -> Walked:
    """Volatility that clusters; GARCH has 500 returns to fit on, and is fitted twice."""
    del one_core
    work = tmp_path_factory.mktemp("clustered")
    return walked(simulated(8, 721), work, *NAMES, sessions=126, batches=4)


@pytest.fixture(scope="module")
def shuffled(clustered: Walked, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The same sessions, those of each instrument in another order."""
    panel, generator = clustered.panel, np.random.default_rng(2)
    moves = panel.moves.copy()
    for span in panel.spans():
        moves[span.start + 1 : span.stop] = generator.permutation(moves[span.start + 1 : span.stop])
    work = tmp_path_factory.mktemp("shuffled")
    return walked(replace(panel, moves=moves), work, *NAMES, sessions=126, batches=4)


@pytest.fixture(scope="module")
def changed_later(clustered: Walked, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """All moves that come after `TODAY` are others."""
    panel, generator = clustered.panel, np.random.default_rng(3)
    others = sessions_of(np.full(len(panel.dates), 3.0), generator)
    later = panel.dates > today(clustered)
    moves = np.where(later[:, None], others, panel.moves)
    work = tmp_path_factory.mktemp("changed")
    return walked(replace(panel, moves=moves), work, *NAMES, sessions=126, batches=4)


def today(walk: Walked) -> np.datetime64:
    """Return a session in the midst of those from which is forecast."""
    day: np.datetime64 = np.unique(walk.panel.dates[walk.fold.test])[80]
    return day


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_later_changes_no_bit_of_a_forecast(
    clustered: Walked, changed_later: Walked, name: str
) -> None:
    before, after = clustered.quantiles[name], changed_later.quantiles[name]
    known = clustered.panel.dates[clustered.fold.test] <= today(clustered)
    assert known.sum() == 81 * 8

    np.testing.assert_array_equal(after[known], before[known])
    if name != "naive":
        assert (after[~known] != before[~known]).any(axis=1).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != SIMULATION])
def test_returns_in_no_order_give_no_skill(clustered: Walked, shuffled: Walked, name: str) -> None:
    in_order, in_none = clustered.compared(name).t, shuffled.compared(name).t

    assert in_none is not None
    assert in_none < 2
    if name not in WITHOUT_SPREAD:
        # there is skill to be had, and these sessions are enough to tell
        assert in_order is not None
        assert in_order > 6


@pytest.fixture(scope="module")
def random_walk(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """Prices without drift, of a volatility that never changes."""
    panel = simulated(80, 603, clustering=0)
    work = tmp_path_factory.mktemp("walk")
    return walked(panel, work, LOG_HAR_STRONG, NETWORK, sessions=252, batches=4)


@pytest.mark.parametrize("name", [LOG_HAR_STRONG, NETWORK])
def test_a_random_walk_is_forecast_no_better_and_hardly_worse_than_naive(
    random_walk: Walked, name: str
) -> None:
    median = random_walk.quantiles[name][:, len(LEVELS) // 2]
    actual, expected = (100 * np.expm1(each / 100) for each in (random_walk.actual, median))
    naive = np.abs(actual).mean()

    relative = point_scores.mae(actual, expected) / naive

    # The median of 25,600 returns to fit on is off by about 0.008 deviations. By chance that
    # wins or loses less than a ten-thousandth of the error on 20,160 others: the band is 20
    # times as wide, and a median that knew anything would be far below it.
    noise = np.std(np.abs(actual - expected) - np.abs(actual)) / np.sqrt(len(actual)) / naive
    assert noise < 1e-4
    assert 1.000 - 3 * noise <= relative <= 1.002


@pytest.mark.parametrize("name", [LOG_HAR_STRONG, NETWORK])
def test_a_random_walk_goes_where_the_median_says_as_often_as_not(
    random_walk: Walked, name: str
) -> None:
    median = random_walk.quantiles[name][:, len(LEVELS) // 2]

    hits = point_scores.directional_accuracy(random_walk.actual, median, np.zeros(len(median)))

    assert hits is not None
    # instruments and sessions are independent here
    half_interval = 1.96 * np.sqrt(hits * (1 - hits) / len(median))
    assert abs(hits - 0.5) < half_interval
