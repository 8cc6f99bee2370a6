"""The shipped model, the very file: what its structure promises holds for any window."""

from pathlib import Path

import numpy as np
import pytest

from app.artifact import layout
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model, forecast
from app.inference import loader

HOME = Path("models/default")
LEVELS = (1.0, 50.0, 80.0, 90.0, 95.0, 99.0, 99.9)
WINDOWS = 20_000
"""Enough to find what is rare, few enough for seconds."""


@pytest.fixture(scope="module")
def model() -> Model:
    version = layout.current_version(HOME)
    assert version is not None
    return loader.load(HOME / str(version), "default", version)


def any_bars(count: int, *, seed: int) -> Floats:
    """
    Return bars (n, 60, 4) of all kinds: from still to absurd, some bars without a range.

    Each window has a volatility between 1e-7 and 1 a session, fat tails, and a level of its own.
    """
    random = np.random.default_rng(seed)
    volatility = 10 ** random.uniform(-7, 0, (count, 1, 1))
    steps = volatility * random.standard_t(3, (count, 60, 4)).clip(-50, 50)
    steps *= random.random((count, 60, 1)) > 0.1
    paths = np.cumsum(steps.reshape(count, -1), axis=1).reshape(steps.shape)
    prices = 10 ** random.uniform(-6, 6, (count, 1, 1)) * np.exp(paths.clip(-300, 300))
    opens, closes = prices[:, :, 0], prices[:, :, 3]
    return np.stack([opens, prices.max(2), prices.min(2), closes], axis=2)


def test_no_quantile_crosses_another_and_all_are_finite(model: Model) -> None:
    bars = any_bars(WINDOWS, seed=1)

    for part, windows in ((model, bars), (model.close_only, bars[:, :, 3:])):
        assert part is not None
        outputs = part.network.run(part.scaler.inputs(windows))
        assert np.isfinite(outputs).all()
        assert (np.diff(outputs, axis=1) >= 0).all()
        forecasts = forecast(part, windows, LEVELS)
        sane = forecasts.usable
        assert sane.mean() > 0.95
        lows, highs = forecasts.intervals[sane, :, 0], forecasts.intervals[sane, :, 1]
        assert (np.diff(lows, axis=1) <= 0).all()
        assert (np.diff(highs, axis=1) >= 0).all()
        assert (lows[:, 0] <= forecasts.predictions[sane]).all()
        assert (forecasts.predictions[sane] <= highs[:, 0]).all()


@pytest.mark.parametrize("power", [-6, -3, -1, 1, 3, 6])
def test_the_unit_of_the_prices_makes_no_difference(model: Model, power: int) -> None:
    random = np.random.default_rng(2)
    steps = 0.01 * random.standard_t(4, (500, 60, 4))
    prices = 100 * np.exp(np.cumsum(steps.reshape(500, -1), axis=1).reshape(steps.shape))
    bars = np.stack([prices[:, :, 0], prices.max(2), prices.min(2), prices[:, :, 3]], axis=2)

    ones, others = (forecast(model, bars * factor, LEVELS) for factor in (1, 10.0**power))

    for one, other in (
        (ones.predictions, others.predictions),
        (ones.intervals[:, :, 0].T, others.intervals[:, :, 0].T),
        (ones.intervals[:, :, 1].T, others.intervals[:, :, 1].T),
    ):
        change = one / ones.last_prices - other / others.last_prices
        assert np.abs(change).max() < 1e-5


def test_the_median_is_near_the_last_price(model: Model) -> None:
    random = np.random.default_rng(3)
    closes = 100 * np.exp(np.cumsum(0.01 * random.normal(size=(500, 60, 1)), axis=1))
    bars = closes * np.array([1.0, 1.005, 0.995, 1.0])

    forecasts = forecast(model, bars, LEVELS)

    assert np.abs(forecasts.predictions / forecasts.last_prices - 1).max() < 0.005


def test_every_older_version_still_loads() -> None:
    for version in layout.versions(HOME):
        loader.load(HOME / str(version), "default", version)
