"""Candidate, incumbent and naive on the same sessions, whatever kind of model the incumbent is."""

import dataclasses
import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.artifact import layout
from app.artifact.manifest import BARS as FIELDS
from app.artifact.manifest import PriceField
from tests import builders
from tests.builders import QUANTILES, draft, last_value_graph, levels, publish_files
from training.baselines import forecasters
from training.datasets.panel import Panel
from training.datasets.quantile_levels import LEVELS
from training.evaluation import accuracy, backtest
from training.evaluation.accuracy import Accuracy
from training.evaluation.backtest import Backtest
from training.evaluation.point_scores import mean_by_date
from training.evaluation.walk_forward import NETWORK, PanelData, Walk
from training.recipes.library import load
from training.retraining import incumbent
from training.retraining.comparison import ModelComparison, compare
from training.retraining.verdict import Bounds, worse
from training.sources import csv_files, quality

SESSIONS = 420
HELD_OUT = 80
INSTRUMENTS = 3
FORECASTS = HELD_OUT * INSTRUMENTS
FIRST = "2019-08-01"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("prices")
    for number in range(INSTRUMENTS):
        builders.write_bars(folder / f"TICK{number}.csv", SESSIONS, seed=number, first=FIRST)
    return quality.check(csv_files.read_bars_folder(folder)).bars


@pytest.fixture(scope="module")
def found(bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Accuracy:
    """Walk forward with a candidate that needs no fit: historical simulation."""
    panel = Panel.of(bars)
    folds = backtest.cut_folds(
        panel, panel.ends(59), test_sessions=HELD_OUT, refit_sessions=HELD_OUT
    )
    known = {NETWORK: forecasters.historical_simulation, "naive": forecasters.naive}
    work = tmp_path_factory.mktemp("work")
    cache = Backtest(panel, folds, LEVELS).run(known, work=work, depends_on={})
    data = PanelData(panel, (), csv_files.digest(bars))
    return accuracy.measure(Walk(data, load("global-ohlc"), 1, tuple(folds), cache, tuple(known)))


def held(
    found: Accuracy, bars: pd.DataFrame, root: Path, *, allowance: float = 0.0
) -> ModelComparison:
    bounds = Bounds(fewest_sessions=60, seen_allowance=allowance)
    return compare(found, bars, incumbent.load_current(root / "m", "m"), bounds)


def publish_point(
    root: Path, *, window: int = 3, field: PriceField = "close", unit: float = 100.0
) -> None:
    """Publish a model that says what naive says."""
    scaler = levels(low=100, high=100 + unit)
    contents = {
        layout.GRAPH: last_value_graph(steps=window, scale=1.0 if unit == 100 else 3e38),
        layout.SCALER: scaler.model_dump_json().encode(),
        layout.CARD: b"# m",
    }
    publish_files(root, "m", 1, draft(window=window, fields=(field,)), contents)


def test_where_nothing_is_published_the_candidate_is_held_against_naive(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path
) -> None:
    trial = held(found, bars, tmp_path)

    ours, naive = found.scored[NETWORK], found.scored["naive"]
    assert trial.notes == ()
    assert (trial.standings.incumbent, trial.standings.incumbent_saw) == (None, None)
    assert (trial.standings.sessions, trial.standings.forecasts) == (HELD_OUT, FORECASTS)
    assert trial.standings.candidate.mae == pytest.approx(np.abs(ours.errors).mean())
    assert trial.standings.candidate.crps == pytest.approx(ours.crps.mean())
    assert trial.standings.candidate.coverage_90 == ours.inside(found.actual, 90).mean()
    assert trial.standings.naive.mae == pytest.approx(np.abs(naive.errors).mean())
    evidence = trial.evidence
    assert evidence.mae_vs_naive == trial.standings.candidate.mae_vs_naive
    assert 0 < evidence.worse_than_naive < 1
    assert (evidence.worse_than_incumbent, evidence.incumbent_last) == (None, None)
    assert evidence.last == found.walk.data.panel.dates.max()
    assert evidence.sessions == HELD_OUT


def test_a_model_of_points_is_compared_by_its_absolute_errors(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path
) -> None:
    publish_point(tmp_path)

    trial = held(found, bars, tmp_path)

    standings, evidence = trial.standings, trial.evidence
    assert trial.notes == ()
    assert standings.incumbent
    # the network's float32 is all that is between them
    assert standings.incumbent.mae == pytest.approx(standings.naive.mae, rel=1e-4)
    assert (standings.incumbent.crps, standings.incumbent.coverage_90) == (None, None)
    assert evidence.worse_than_incumbent == pytest.approx(evidence.worse_than_naive, abs=1e-3)
    assert evidence.incumbent_last == date(2020, 12, 31)
    fitted_on = np.unique(found.dates[found.dates <= np.datetime64("2020-12-31")])
    assert standings.incumbent_saw == len(fitted_on) > 0


def test_an_incumbents_losses_are_taken_for_larger_where_it_was_fitted_on_the_session(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path
) -> None:
    publish_point(tmp_path)

    plain, allowed = (held(found, bars, tmp_path, allowance=each) for each in (0.0, 0.2))

    ours, theirs = (np.abs(found.scored[name].errors) for name in (NETWORK, "naive"))
    raised = theirs * np.where(found.dates <= np.datetime64("2020-12-31"), 1.2, 1)
    expected = worse(*(mean_by_date(found.dates, each) for each in (ours, raised)))
    assert allowed.evidence.worse_than_incumbent == pytest.approx(expected, abs=1e-3)
    assert plain.evidence.worse_than_incumbent
    assert plain.evidence.worse_than_incumbent < expected - 0.1
    assert allowed.standings == plain.standings


@pytest.mark.parametrize("fields", [FIELDS, ("close",)])
def test_a_model_of_other_quantiles_is_compared_at_the_candidates_levels(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path, fields: tuple[PriceField, ...]
) -> None:
    own = builders.calibration(offsets=(-0.5, -0.25, 0, 0.25, 0.5))
    builders.publish_quantiles(tmp_path, name="m", fields=fields, own=own)

    trial = held(found, bars, tmp_path)

    assert len(QUANTILES) != len(LEVELS)
    assert trial.standings.incumbent
    assert trial.standings.incumbent.mae == pytest.approx(trial.standings.naive.mae)
    crps, coverage = by_the_service(tmp_path, bars, fields)
    assert trial.standings.incumbent.crps == pytest.approx(crps, rel=1e-9)
    assert trial.standings.incumbent.coverage_90 == pytest.approx(coverage)
    ours = trial.standings.candidate.crps
    assert ours
    assert trial.evidence.worse_than_incumbent is not None
    assert (trial.evidence.worse_than_incumbent < 0.5) == (ours > crps)


def by_the_service(
    root: Path, bars: pd.DataFrame, fields: tuple[PriceField, ...]
) -> tuple[float, float]:
    """Return CRPS and coverage at 90 % of what the service answers, one session at a time."""
    below = [float(level) for level in LEVELS if level < 0.5]
    percents = [100 * (1 - 2 * level) for level in below]
    scores, inside = [], []
    with builders.serving(root) as client:
        for _, rows in bars.groupby("instrument"):
            for now in range(len(rows) - HELD_OUT, len(rows)):
                window = rows.iloc[now - 5 : now]
                columns = {field: window[field].tolist() for field in FIELDS}
                posted = {"bars": columns} if fields == FIELDS else {"prices": columns["close"]}
                body = {"model": "m", "levels": percents, **posted}
                answer = client.post("/predict", json=body).json()
                ends = {each["level"]: (each["low"], each["high"]) for each in answer["intervals"]}
                prices = {0.5: answer["prediction"]}
                for level, percent in zip(below, percents, strict=True):
                    prices[level], prices[1 - level] = ends[percent]
                close = rows["close"].iloc[now]
                inside.append(ends[90][0] <= close <= ends[90][1])
                scores.append(plain_crps(close, prices))
    return float(np.mean(scores)), float(np.mean(inside))


def plain_crps(close: float, prices: dict[float, float]) -> float:
    """Return twice the sum of pinball losses, each weighted by the levels nearest to its own."""
    total, known = 0.0, sorted(prices)
    for place, level in enumerate(known):
        low = (known[place - 1] + level) / 2 if place else 0
        high = (known[place + 1] + level) / 2 if place + 1 < len(known) else 1
        error = 100 * math.log(close / prices[level])
        total += 2 * (high - low) * max(level * error, (level - 1) * error)
    return total


@pytest.mark.parametrize(
    ("published", "why"),
    [
        ({"field": "open"}, "it forecasts the open, not the close"),
        ({"window": 361}, "it can forecast 59 held-out sessions, needs 60"),
        ({"window": 500}, "no held-out session has 500 sessions before it"),
        ({"unit": 0.1}, "240 of its 240 forecasts are no number"),
    ],
)
def test_an_incumbent_of_another_kind_is_told_and_left_out(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path, published: dict[str, object], why: str
) -> None:
    publish_point(tmp_path, **published)  # type: ignore[arg-type]

    trial = held(found, bars, tmp_path)

    assert trial.notes == (f"judged without the incumbent, version 1: {why}",)
    assert trial.standings.incumbent is None
    assert trial.evidence.worse_than_incumbent is None
    assert trial.standings.forecasts == FORECASTS
    # that its data end later is known all the same
    assert trial.evidence.incumbent_last == date(2020, 12, 31)


def test_an_incumbent_with_a_longer_window_takes_what_it_cannot_forecast_from_all(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path
) -> None:
    publish_point(tmp_path, window=360)

    trial = held(found, bars, tmp_path)

    assert trial.notes == (
        f"judged on {INSTRUMENTS * 60} of {FORECASTS} forecasts: the incumbent cannot make others",
    )
    assert (trial.standings.sessions, trial.standings.forecasts) == (60, INSTRUMENTS * 60)
    assert trial.evidence.sessions == 60
    rows = found.dates >= np.unique(found.dates)[-60]
    expected = np.abs(found.scored[NETWORK].errors[rows]).mean()
    assert trial.standings.candidate.mae == pytest.approx(expected)
    assert trial.standings.incumbent
    assert trial.standings.incumbent.mae == pytest.approx(trial.standings.naive.mae, rel=1e-4)


def test_where_naive_is_never_wrong_there_is_no_ratio(
    found: Accuracy, bars: pd.DataFrame, tmp_path: Path
) -> None:
    naive = dataclasses.replace(found.scored["naive"], errors=np.zeros(FORECASTS))
    still = dataclasses.replace(found, scored=found.scored | {"naive": naive})

    trial = held(still, bars, tmp_path)

    assert trial.standings.candidate.mae_vs_naive is None
    assert math.isnan(trial.evidence.mae_vs_naive)
