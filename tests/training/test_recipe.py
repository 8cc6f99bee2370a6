"""Recipe files, and what is wrong with one."""

from pathlib import Path

import pytest

from training.errors import BadRecipe
from training.recipes import library
from training.recipes.network_kinds import Network, QuantileNetwork

GOOD = """
title = "t"
source = "s"
target = "open"
columns = ["Open"]
window = 5
scaler = "minmax"
[network]
kind = "lstm"
layers = 1
units = 4
[fit]
loss = "mse"
epochs = 2
batch_size = 8
"""

SCRATCH = 'kind = "scratch-rnn"\nunits = 4\ntruncate = 5\nclip = 10.0'

QUANTILES = """
title = "t"
source = "s"
target = "close"
window = 5
scaler = "returns"
[network]
kind = "har-lstm"
units = 4
dense = 6
[fit]
loss = "pinball"
epochs = 2
batch_size = 8
"""


def test_the_guides_recipe_is_the_guides() -> None:
    fb = library.load("fb-lstm45")

    assert (fb.window, fb.target, fb.columns, fb.scaler) == (40, "open", ["Open"], "minmax")
    assert fb.network == Network(kind="lstm", layers=4, units=45, dropout=0.2)
    assert (fb.fit.loss, fb.fit.epochs, fb.fit.batch_size) == ("mse", 100, 32)
    assert fb.fit.learning_rate == 0.001


def test_the_projects_own_network_looks_back_on_sixty_sessions_of_bars() -> None:
    own = library.load("global-ohlc")

    assert isinstance(own.network, QuantileNetwork)
    assert (own.window, own.target, own.scaler, own.columns) == (60, "close", "returns", [])
    assert own.fit.loss == "pinball"
    # seven years, the first of them 2013, where data ends with 2019
    assert own.evaluation.holdout_sessions == 1762
    assert own.evaluation.refit_sessions == 252


@pytest.mark.parametrize("name", library.names())
def test_every_recipe_of_the_project_can_be_read(name: str) -> None:
    assert library.load(name).name == name


def test_a_recipe_may_lie_anywhere_and_is_called_like_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)

    mine = library.load(str(path))

    assert mine.name == "mine"
    assert mine.with_epochs(7).fit.epochs == 7
    assert mine.with_epochs(None) == mine


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("window = 5", "window = 1"), "window = 1: Input should be greater than or equal to 2"),
        (("window = 5", 'window = "5"'), "window = '5': Input should be a valid integer"),
        (
            ("units = 4", "units = 4\nunit = 4"),
            "network.unit = 4: not known here; known are kind, layers, units, dropout, correction",
        ),
        (('"minmax"', '"robust"'), "scaler = 'robust': Input should be 'minmax'"),
        (("layers = 1", ""), "network.layers is missing"),
        (('"lstm"', '"transformer"'), "network = {'kind': 'transformer'"),
        (("units = 4", "units = 0"), "network.units = 0: Input should be greater than or equal"),
        (
            ("window = 5", "window = 5\nwindows = 5"),
            "windows = 5: not known here; known are name, title",
        ),
        (("epochs = 2", "epochs = 2\nepoch = 2"), "fit.epoch = 2: not known here; known are loss"),
        (('"lstm"', '"scratch-rnn"'), "network.truncate is missing"),
        (
            ('kind = "lstm"\nlayers = 1\nunits = 4', SCRATCH),
            'a scratch-rnn is fitted with loss = "mse" and batch_size = 1',
        ),
        (("window = 5", "window ="), "not TOML"),
        (('columns = ["Open"]', ""), "columns is missing: name the CSV column of the target"),
        (('columns = ["Open"]', "columns = []"), "columns is missing"),
        (('loss = "mse"', 'loss = "pinball"'), 'loss = "pinball" needs a har-lstm'),
    ],
)
def test_what_is_wrong_is_said_with_key_and_value(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert_said(tmp_path, GOOD.replace(*change), said)


def test_a_network_of_quantiles_needs_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(QUANTILES)

    mine = library.load(str(path))

    assert mine.network == QuantileNetwork(kind="har-lstm", units=4, dense=6)
    assert mine.columns == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("units = 4", "units = 4\nlayers = 4"),
            "network.layers = 4: not known here; known are kind, units, dense, dropout, members, r",
        ),
        (("dense = 6", ""), "network.dense is missing"),
        (
            ("units = 4", "units = 4\nregression_share = 1.5"),
            "network.regression_share = 1.5: Input should be less than or equal to 1",
        ),
        (("units = 4", "units = 4\nmembers = 0"), "network.members = 0: Input should be greater"),
        (('"close"', '"open"'), 'a har-lstm forecasts the close: target = "close", scaler ='),
        (('"returns"', '"minmax"'), "a har-lstm forecasts the close"),
        (('"pinball"', '"mae"'), "a har-lstm forecasts the close"),
    ],
)
def test_what_is_wrong_with_a_network_of_quantiles_is_said_too(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert_said(tmp_path, QUANTILES.replace(*change), said)


def assert_said(tmp_path: Path, text: str, said: str) -> None:
    assert text not in (GOOD, QUANTILES)
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(BadRecipe) as raised:
        library.load(str(path))

    assert str(raised.value).startswith(f"{path}: {said}")


def test_unknown_recipes_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"there are amzn-lstm100, amzn-lstm50, .*tata-rnn5"):
        library.load("fb")
    with pytest.raises(BadRecipe, match="No such file"):
        library.load(str(tmp_path / "missing.toml"))
