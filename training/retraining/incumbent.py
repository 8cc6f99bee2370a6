"""
The version that is being served, on the sessions that a candidate is judged on.

It forecasts by the service's own code, from prices, with the calibration that it serves with.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from app.artifact import layout
from app.artifact.manifest import Manifest
from app.errors import ArtifactRejected
from app.forecasting.arrays import Bools, Floats
from app.forecasting.forecaster import Model, forecast
from app.inference import loader
from training.datasets.panel import Dates, Panel, Rows
from training.datasets.quantile_levels import LEVELS

_PERCENTS: Final = tuple((100 * (1 - 2 * LEVELS[: len(LEVELS) // 2])).tolist())
"""Of the intervals that end at LEVELS, widest first."""


class NotComparable(Exception):
    """The incumbent cannot be compared with forecasts of the next close: says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """What `current` names."""

    version: int | None
    """None where nothing is published, or `current` cannot be read."""
    model: Model | None
    fault: str = ""
    """Why there is no model, where something is published."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelForecasts:
    """Its forecasts of held-out sessions."""

    made: Bools
    """(n,) which of those asked for: its window may be longer than an instrument's history."""
    errors: Floats
    """(m,) of those made: of the median, or the point, in percent of the last price."""
    quantiles: Floats | None
    """(m, k) at the levels of candidates, log returns in percent; None of a model of points."""


def load_current(home: Path, name: str) -> Incumbent:
    """Load the current version; what the service would refuse is none, and says why."""
    version = None
    try:
        version = layout.current_version(home)
        if version is None:
            return Incumbent(None, None)
        return Incumbent(version, loader.load(home / str(version), name, version))
    except ArtifactRejected as rejection:
        which = layout.CURRENT if version is None else f"version {version}"
        return Incumbent(version, None, f"{which} is damaged: {rejection}")


def forecasts(model: Model, bars: pd.DataFrame, panel: Panel, ends: Rows) -> ModelForecasts:
    """
    Forecast the sessions after the rows `ends` (n,) of a panel, from the bars that it is of.

    Raises NotComparable for a model of another price than the close, one whose window no
    instrument fills, and one that gives what is no finite number.
    """
    manifest = model.manifest
    if manifest.target != "close":
        raise NotComparable(f"it forecasts the {manifest.target}, not the close")
    made = np.isin(ends, panel.ends(manifest.window - 1))
    if not made.any():
        raise NotComparable(f"no held-out session has {manifest.window} sessions before it")
    prices = bars[list(manifest.fields)].to_numpy(dtype=np.float64)
    relative = np.concatenate(
        [_relative(model, prices, chunk) for chunk in panel.chunks(ends[made])]
    )
    outcomes = np.exp(panel.returns[ends[made] + 1] / 100)
    errors = 100 * (relative[:, relative.shape[1] // 2] - outcomes)
    with np.errstate(invalid="ignore", divide="ignore"):
        quantiles = 100 * np.log(relative) if manifest.quantiles else None
    finite = np.isfinite(errors if quantiles is None else quantiles.sum(axis=1))
    if not finite.all():
        raise NotComparable(f"{(~finite).sum()} of its {len(finite)} forecasts are no number")
    return ModelForecasts(made, errors, quantiles)


def was_fitted_on(manifest: Manifest, dates: Dates) -> Bools:
    """Tell which sessions lie in the range that it was fitted on."""
    fitted_on = manifest.trained_on
    was_fitted_on: Bools = (np.datetime64(fitted_on.first) <= dates) & (
        dates <= np.datetime64(fitted_on.last)
    )
    return was_fitted_on


def _relative(model: Model, prices: Floats, ends: Rows) -> Floats:
    """Return the ends of intervals with the prediction amid them, over the last price, (n, k)."""
    windows = prices[ends[:, None] + np.arange(1 - model.manifest.window, 1)]
    answer = forecast(model, windows, _PERCENTS if model.manifest.quantiles else ())
    lows, highs = answer.intervals[:, :, 0], answer.intervals[:, ::-1, 1]
    prices = np.concatenate([lows, answer.predictions[:, None], highs], axis=1)
    relative: Floats = prices / answer.last_prices[:, None]
    return relative
