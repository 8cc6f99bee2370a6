"""`python -m training backtest` and `fit --recipe global-ohlc`, from CSV files to an answer."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.artifact import archive
from app.forecasting.scalers import moves
from app.inference import loader
from tests.builders import serving, write_bars
from training.__main__ import main
from training.baselines.forecasters import BASELINES
from training.datasets import quantile_levels
from training.datasets.panel import Panel
from training.evaluation import accuracy, walk_forward
from training.recipes import library
from training.recipes.network_kinds import QuantileNetwork
from training.sources import csv_files

RECIPE = """
title = "A small network of any instrument"
source = "a test"
target = "close"
window = 60
scaler = "returns"
[network]
kind = "har-lstm"
units = 4
dense = 4
regression_share = 0.25
[fit]
loss = "pinball"
epochs = 1
batch_size = 256
[evaluation]
holdout_sessions = 80
refit_sessions = 40
"""
SESSIONS = 760
INSTRUMENTS = 3
FAULT = 300
"""The row of the first instrument whose low is above its close."""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Walk a small network forward over three instruments, write its page and publish it."""
    home = tmp_path_factory.mktemp("walk")
    (home / "prices").mkdir()
    for number in range(INSTRUMENTS):
        path = home / "prices" / f"TICK{number}.csv"
        write_bars(path, SESSIONS, seed=number, low_above=FAULT if number == 0 else -1)
    write_bars(home / "prices" / "YOUNG.csv", 200, seed=9)
    (home / "small.toml").write_text(RECIPE)
    assert backtest(home, "--recipe", home / "small.toml", "--publish", "small") == 0
    return home


def backtest(home: Path, *arguments: str | Path) -> int:
    folders = ("--data", home / "prices", "--work", home / "work", "--models", home / "models")
    return main(["backtest", *map(str, (*folders, "--docs", home / "docs", *arguments))])


def test_what_is_published_answers_for_bars_prices_and_history(
    walked: Path, tmp_path: Path
) -> None:
    columns = write_bars(tmp_path / "NEWEST.csv", 400, seed=77)
    window = {name: values[-60:] for name, values in columns.items()}
    levels = [50, 80, 90, 95, 99]

    with serving(walked / "models") as client:
        answers = [
            client.post("/predict", json={"model": "small", "levels": levels, **asked}).json()
            for asked in ({"bars": window}, {"bars": columns}, {"prices": window["close"]})
        ]

    plain, adapted, closes = answers
    for answer in answers:
        ends = [(each["low"], each["high"]) for each in answer["intervals"]]
        assert all(low < answer["prediction"] < high for low, high in ends)
        assert ends == sorted(ends, reverse=True)
        assert abs(answer["prediction"] / window["close"][-1] - 1) < 0.01
        assert answer["skill"]["forecasts"] == 80 * INSTRUMENTS
        assert answer["skill"]["crps_skill_vs_garch"] is not None
    assert plain["calibration"]["method"] == "model"
    assert adapted["calibration"] == {"method": "history", "sessions": 340}
    assert 0.7 < adapted["intervals"][2]["coverage"] < 1
    assert [each["code"] for each in closes["warnings"]] == ["close_only"]


def test_the_manifest_says_what_was_fitted_and_measured(walked: Path) -> None:
    manifest = archive.read(walked / "models" / "small" / "1").manifest

    assert manifest.fields == ("open", "high", "low", "close")
    assert manifest.quantiles == tuple(quantile_levels.LEVELS.tolist())
    assert manifest.trained_on.instruments == ("TICK0", "TICK1", "TICK2")
    days = [
        np.busday_offset("2015-01-02", ago, roll="forward").astype(object)
        for ago in range(SESSIONS)
    ]
    assert manifest.trained_on.last == days[-1]
    assert manifest.trained_on.cutoff > days[-1]
    # 59 moves before each, but for the two that the faulty bar spoils and those that see them
    assert manifest.trained_on.windows == INSTRUMENTS * (SESSIONS - 60) - 61
    assert (manifest.scores.first, manifest.scores.last) == (days[-80], days[-1])
    assert manifest.scores.sessions == 80 * INSTRUMENTS
    assert manifest.calibration is not None
    assert manifest.calibration.sessions == 120 * INSTRUMENTS  # with the year before, cut short
    assert manifest.close_only is not None


def test_the_page_names_what_was_left_out_and_shows_every_forecaster(walked: Path) -> None:
    page = (walked / "docs" / "accuracy.md").read_text()
    report = (walked / "models" / "small" / "1" / "report.html").read_text()

    for told in (page, report):
        assert "TICK0" in told
        assert "impossible_bar" in told
        assert "YOUNG" in told
        assert "too_short" in told
        for name in (*BASELINES, "log-HAR", "log-HAR+", "network"):
            assert name in told
    pictures = {path.name for path in (walked / "docs" / "accuracy").iterdir()}
    assert {f"accuracy/{name}" in page for name in pictures} == {True}
    assert pictures <= {path.name for path in (walked / "models" / "small" / "1").iterdir()}


def test_the_card_says_that_the_median_is_the_last_price_with_a_drift(walked: Path) -> None:
    card = (walked / "models" / "small" / "1" / "card.md").read_text()

    assert "the last price with a small drift" in card
    assert "Not investment advice." in card


def test_a_walk_that_is_done_is_not_done_again(
    walked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(walked, "--recipe", walked / "small.toml", "--json") == 0

    printed = capsys.readouterr()
    assert "30 of 30 forecasts are there from before" in printed.err
    assert "epoch" not in printed.err
    summary = json.loads(printed.out)
    assert summary["forecasts"] == 80 * INSTRUMENTS
    manifest = archive.read(walked / "models" / "small" / "1").manifest
    assert summary["networks"]["network"]["mae"] == manifest.scores.mae


def test_a_published_model_is_walked_by_its_own_recipe(
    walked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(walked, "--model", "small") == 0
    assert "30 of 30 forecasts are there from before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "absent"), "no model 'absent'"),
        (("--model", "../up"), "cannot name a model"),
        (("--recipe", "fb-lstm45"), "forecasts points"),
        (("--recipe", "global-ohlc", "--sessions", "700"), "too little history"),
    ],
)
def test_what_cannot_be_walked_is_told(
    walked: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert backtest(walked, *arguments) == 2
    assert said in capsys.readouterr().err


def test_fit_needs_a_folder_of_instruments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = str(tmp_path / "models")
    code = main(["fit", "--recipe", "global-ohlc", "--train", "A.csv", "--models", models])
    assert code == 2
    assert "give --data DIR" in capsys.readouterr().err


def test_a_folder_without_a_usable_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prices").mkdir()
    write_bars(tmp_path / "prices" / "YOUNG.csv", 200)

    assert backtest(tmp_path) == 2
    assert "no file has 300 usable rows" in capsys.readouterr().err


def test_fit_walks_once_and_publishes(walked: Path, tmp_path: Path) -> None:
    folders = ("--data", walked / "prices", "--work", walked / "work", "--models", tmp_path)
    code = main(
        ["fit", "--recipe", str(walked / "small.toml"), "--holdout", "60", *map(str, folders)]
    )

    assert code == 0
    model = loader.load(tmp_path / "small" / "1", "small", 1)
    assert model.manifest.scores.sessions == 60 * INSTRUMENTS


def test_bars_rebuilt_from_moves_have_those_moves(tmp_path: Path) -> None:
    write_bars(tmp_path / "A.csv", 90)
    made = csv_files.read_bars(tmp_path / "A.csv")
    panel = Panel.of(made.assign(usable=True))
    ends = panel.ends(59)

    rebuilt = panel.bars(ends, 59)

    assert rebuilt.shape == (len(ends), 60, 4)
    np.testing.assert_allclose(moves(rebuilt), panel.windows(ends, 59), atol=1e-9)
    closes = made["close"].to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(closes, 60)[:-1]
    np.testing.assert_allclose(rebuilt[:, :, 3], 100 * windows / windows[:, :1])


def test_the_networks_intervals_are_calibrated_by_earlier_folds_alone(walked: Path) -> None:
    """What comes after a fold must not reach the offsets of its forecasts."""
    chosen = library.load(str(walked / "small.toml"))
    assert isinstance(chosen.network, QuantileNetwork)
    data = walk_forward.read(walked / "prices")
    walk = walk_forward.run(chosen, data, walked / "work")
    before = accuracy.measure(walk)
    last = walk.folds[-1]
    walk.data.panel.moves[last.test[len(last.test) // 2] + 1, 3] += 40

    after = accuracy.measure(walk)

    earlier = before.dates < last.start
    for name in before.calibrations:
        ours, then = (each.scored[name].quantiles[earlier] for each in (before, after))
        np.testing.assert_array_equal(ours, then)
    assert before.calibrations != after.calibrations
