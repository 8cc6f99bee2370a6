"""Folds by date for all instruments at once, and forecasts that outlive an interruption."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.forecasting.arrays import Float32s, Floats
from tests.training.panels import panel_of, simulated
from training.baselines.forecasters import BASELINES
from training.datasets.panel import Panel, Rows
from training.errors import UsageError
from training.evaluation import backtest
from training.evaluation.backtest import Backtest, Fold, ForecastCache
from training.evaluation.walk_forward import CLOSES, LOG_HAR, LOG_HAR_STRONG, NETWORK

LEVELS = np.array([0.1, 0.5, 0.9])
STEPS = 5


def uneven(rows: list[int], unusable: set[int]) -> Panel:
    """Return a panel of instruments of so many sessions, which end on one day, with holes."""
    panel = panel_of(*[np.ones((count, 4)) for count in rows])
    usable = panel.usable.copy()
    usable[[row for row in unusable if row < len(usable)]] = False
    return replace(panel, usable=usable)


def nexts(panel: Panel, ends: Rows) -> list[np.datetime64]:
    """Return the sessions that these windows forecast, each once, oldest first."""
    return list(np.unique(panel.dates[ends + 1]))


@settings(max_examples=60, deadline=None)
@given(
    others=st.lists(st.integers(1, 420), max_size=3),
    unusable=st.sets(st.integers(0, 900), max_size=8),
    test_sessions=st.integers(1, 100),
    refit_sessions=st.integers(1, 60),
)
def test_folds_are_the_newest_sessions_cut_at_the_same_dates_for_all(
    others: list[int], unusable: set[int], test_sessions: int, refit_sessions: int
) -> None:
    panel = uneven([460, *others], unusable)
    ends = panel.ends(STEPS)
    sessions = nexts(panel, ends)
    earlier = min(refit_sessions, 252)

    made = backtest.cut_folds(
        panel, ends, test_sessions=test_sessions, refit_sessions=refit_sessions
    )

    # together they are every window of the newest sessions, each once and none else
    tested = np.concatenate([fold.test for fold in made])
    newest = panel.dates[ends + 1] >= sessions[-test_sessions - earlier]
    assert sorted(tested) == sorted(ends[newest])
    assert (
        nexts(panel, np.concatenate([fold.test for fold in made[1:]]))
        == (sessions[-test_sessions:])
    )
    counts = [len(nexts(panel, fold.test)) for fold in made]
    whole, rest = divmod(test_sessions, refit_sessions)
    assert counts == [earlier, *[refit_sessions] * whole, *[rest] * bool(rest)]
    for fold in made:
        assert fold.start == nexts(panel, fold.test)[0]
        # all that lies before the one session of the embargo
        known = sessions[: sessions.index(fold.start) - 1]
        assert nexts(panel, fold.train) == known
        assert sorted(fold.train) == sorted(ends[panel.dates[ends + 1] <= known[-1]])


@pytest.mark.parametrize(("sessions", "earlier"), [(1_200, 252), (800, 200)])
def test_the_first_fold_is_a_year_or_a_quarter_of_all_at_most(sessions: int, earlier: int) -> None:
    panel = uneven([sessions + STEPS], set())

    made = backtest.cut_folds(panel, panel.ends(STEPS), test_sessions=310, refit_sessions=300)

    assert [len(fold.test) for fold in made] == [earlier, 300, 10]


@pytest.mark.parametrize("test_sessions", [40, 41, 10_000])
def test_too_little_history_is_said_with_what_is_needed(test_sessions: int) -> None:
    # 10 to calibrate by, the embargo and 126 to fit on
    panel = uneven([40 + 10 + 1 + 126 + STEPS], set())

    def cut() -> list[Fold]:
        return backtest.cut_folds(
            panel, panel.ends(STEPS), test_sessions=test_sessions, refit_sessions=10
        )

    if test_sessions == 40:
        assert len(nexts(panel, cut()[0].train)) == 126
    else:
        said = rf"{test_sessions} sessions are to be forecast, and 137 are needed .* of 177 in all"
        with pytest.raises(UsageError, match=said):
            cut()


@dataclass
class Counting:
    """A forecaster that notes what it was asked for, and may break down at a call."""

    breaks_at: int = 0
    calls: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
        self.calls.append((len(train), len(test)))
        if len(self.calls) == self.breaks_at:
            raise RuntimeError("the power is gone")
        return np.outer(panel.returns[test], levels)


def cut(panel: Panel) -> list[Fold]:
    """Return the fold before, and three."""
    return backtest.cut_folds(panel, panel.ends(STEPS), test_sessions=30, refit_sessions=10)


def run(
    panel: Panel,
    work: Path,
    forecasters: dict[str, backtest.Forecaster],
    *,
    made: list[Fold] | None = None,
    levels: Floats = LEVELS,
    seed: int = 1,
    workers: int = 1,
) -> ForecastCache:
    return Backtest(panel, made or cut(panel), levels).run(
        forecasters, work=work, depends_on={"seed": seed}, workers=workers
    )


def test_what_is_kept_is_what_was_forecast(tmp_path: Path) -> None:
    panel = simulated(2, 330)

    forecasters = {name: each for name, each in BASELINES.items() if "GARCH" not in name}

    cache = run(panel, tmp_path, forecasters)

    for fold in cut(panel):
        for name, forecast in forecasters.items():
            found = cache.quantiles(fold, name)
            assert found.dtype == np.float64
            expected = forecast(panel, fold.train, fold.test, LEVELS)
            np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_every_forecaster_of_a_walk_has_files_of_its_own(tmp_path: Path) -> None:
    names = [*BASELINES, LOG_HAR, LOG_HAR_STRONG, NETWORK, CLOSES]
    cache = ForecastCache(tmp_path)

    files = {cache.path(fold, name) for fold in cut(simulated(1, 330)) for name in names}

    assert len(files) == 4 * len(names)


def test_after_a_breakdown_only_the_rest_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = simulated(2, 330)
    steady, broken = Counting(), Counting(breaks_at=3)

    with pytest.raises(RuntimeError, match="the power is gone"):
        run(panel, tmp_path, {"steady": steady, "broken": broken})
    assert (len(steady.calls), len(broken.calls)) == (3, 3)
    said = capsys.readouterr().err
    assert "from before" not in said
    assert said.count("steady: 20 forecasts; ") == said.count("left") - 2 == 3

    cache = run(panel, tmp_path, {"steady": steady, "broken": broken})

    assert "5 of 8 forecasts are there from before" in capsys.readouterr().err
    sizes = [(len(fold.train), len(fold.test)) for fold in cut(panel)]
    assert steady.calls == sizes
    assert broken.calls == [*sizes[:3], *sizes[2:]]
    again = run(panel, tmp_path, {"steady": steady, "broken": broken})
    assert (len(steady.calls), len(broken.calls)) == (4, 5)
    assert again == cache


def test_a_forecaster_that_joins_later_is_the_only_one_to_work(tmp_path: Path) -> None:
    panel = simulated(2, 330)
    first, second = Counting(), Counting()
    run(panel, tmp_path, {"first": first})

    run(panel, tmp_path, {"first": first, "second": second})

    assert (len(first.calls), len(second.calls)) == (4, 4)


def test_a_file_that_was_half_written_is_none(tmp_path: Path) -> None:
    panel = simulated(2, 330)
    fold = cut(panel)[1]
    counting = Counting()
    cache = run(panel, tmp_path, {"one": counting})
    path = cache.path(fold, "one")
    whole = path.read_bytes()
    path.unlink()
    path.with_suffix(".partial").write_bytes(whole[:-7])

    run(panel, tmp_path, {"one": counting})

    assert len(counting.calls) == 5
    assert path.read_bytes() == whole
    assert not list(cache.folder.glob("*.partial"))


def cut_elsewhere(made: list[Fold]) -> list[Fold]:
    """Move a window from what a fold is tested on to what it is fitted on."""
    moved = [np.r_[fold.train, fold.test[:1]] for fold in made]
    return [
        replace(fold, train=train, test=fold.test[1:])
        for fold, train in zip(made, moved, strict=True)
    ]


CHANGES: dict[str, Callable[[Panel], dict[str, Any]]] = {
    "described": lambda _: {"seed": 2},
    "levels": lambda _: {"levels": LEVELS + 0.01},
    "folds": lambda panel: {"made": cut(panel)[1:]},
    "where they are cut": lambda panel: {"made": cut_elsewhere(cut(panel))},
    "moves": lambda panel: {"panel": replace(panel, moves=panel.moves * 1.001)},
    "dates": lambda panel: {
        "panel": replace(panel, dates=panel.dates + np.timedelta64(1, "D")),
        "made": cut(panel),
    },
    "usable": lambda panel: {
        "panel": replace(panel, usable=panel.usable ^ (np.arange(len(panel.usable)) == 2)),
        "made": cut(panel),
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_input_is_kept_in_another_folder(tmp_path: Path, change: str) -> None:
    panel = simulated(2, 330)
    counting = Counting()
    cache = run(panel, tmp_path, {"one": counting})
    changed: dict[str, Any] = {"panel": panel, **CHANGES[change](panel)}

    other = run(changed.pop("panel"), tmp_path, {"one": counting}, **changed)

    assert other.folder != cache.folder
    assert len(counting.calls) >= 7


def test_no_more_than_the_fold_before_is_held(tmp_path: Path) -> None:
    panel = simulated(2, 330)
    given_back: list[weakref.ref[Floats]] = []

    def forecast(panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
        del train
        assert not [ref for ref in given_back[:-1] if ref() is not None]
        quantiles = np.outer(panel.returns[test], levels)
        given_back.append(weakref.ref(quantiles))
        return quantiles

    run(panel, tmp_path, {"one": forecast, "other": forecast})

    assert len(given_back) == 8


def test_two_processes_give_what_one_does(tmp_path: Path) -> None:
    panel = simulated(2, 330)
    names = ("drift", "EWMA, filtered residuals")
    chosen = {name: BASELINES[name] for name in names}

    alone = run(panel, tmp_path / "alone", chosen)
    together = run(panel, tmp_path / "together", chosen, workers=2)

    assert together.folder.name == alone.folder.name
    for fold in cut(panel):
        for name in names:
            expected = alone.quantiles(fold, name)
            np.testing.assert_array_equal(together.quantiles(fold, name), expected)


def test_quantiles_are_kept_to_float32(tmp_path: Path) -> None:
    cache, fold = ForecastCache(tmp_path), cut(simulated(1, 330))[0]
    quantiles: Floats = np.array([[-1 / 3, 0, 1e-20], [-100.0, 2 / 3, 1e20]])

    cache.write(fold, "a, b (250)", quantiles)

    expected: Float32s = quantiles.astype(np.float32)
    np.testing.assert_array_equal(cache.quantiles(fold, "a, b (250)"), expected)
    assert [path.name for path in tmp_path.iterdir()] == [f"{fold.start}-a--b--250-.npy"]
