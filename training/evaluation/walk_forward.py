"""
The model of any instrument: fitted on all of them at once, walked forward, and published.

A published one is fitted on every session there is; its scores and its calibration are those
of the walk forward, whose forecasts were all made before what they forecast.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.forecasting.arrays import Floats
from app.inference.onnx_session import OnnxNetwork, SessionCache
from training import provenance
from training.baselines import log_har
from training.baselines.forecasters import BASELINES
from training.datasets.panel import Panel, Rows, WindowSet
from training.datasets.quantile_levels import LEVELS
from training.errors import BadData
from training.evaluation import backtest
from training.evaluation.backtest import Backtest, Fold, ForecastCache, Forecaster
from training.progress import say
from training.recipes.recipe import Recipe
from training.sources import csv_files, quality
from training.sources.quality import Flag

LOG_HAR: Final = "log-HAR"
LOG_HAR_STRONG: Final = "log-HAR+"
NETWORK: Final = "network"
CLOSES: Final = "network, closes only"

_FORECASTING: Final = ("baselines", "datasets", "export", "networks")
"""The packages that forecasts depend on."""
ONE_REFIT: Final = 1_000_000
"""Sessions between fits: more than anyone has."""
_FAST_INSTRUMENTS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class PanelData:
    """Checked bars, and what was found in them."""

    panel: Panel
    flags: tuple[Flag, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """How to walk, where it is not as the recipe says."""

    seed: int = 1
    test_sessions: int | None = None
    """The newest sessions, to forecast; the recipe's, or half of those there are."""
    refit_sessions: int | None = None
    """From one fit to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """A walk forward: what was forecast, by whom, and where the forecasts are."""

    data: PanelData
    recipe: Recipe
    seed: int
    folds: tuple[Fold, ...]
    """Oldest first. The first is there to calibrate by, and is not scored."""
    cache: ForecastCache
    names: tuple[str, ...]
    """Of the forecasters."""


def read(folder: Path, *, fast: bool = False, instrument_column: str | None = None) -> PanelData:
    """
    Read and check the CSV files of a folder, or of the first 20; raise BadData.

    A column may name the instruments, where files hold many.
    """
    bars = csv_files.read_bars_folder(
        folder, most=_FAST_INSTRUMENTS if fast else None, instrument_column=instrument_column
    )
    checked = quality.check(bars)
    for flag in checked.flags:
        say(f"{flag.instrument} {flag.date}: {flag.message}")
    if checked.bars.empty:
        raise BadData(folder, f"no file has {quality.USABLE_ROWS} usable rows")
    return PanelData(Panel.of(checked.bars), checked.flags, csv_files.digest(checked.bars))


def run(recipe: Recipe, data: PanelData, work: Path, options: WalkOptions = WalkOptions()) -> Walk:
    """
    Let the recipe's network, and every baseline, forecast the newest sessions.

    Where it was interrupted, it goes on. Raises UsageError where there is too little history.
    """
    ends = data.panel.ends(recipe.window - 1)
    half = len(np.unique(data.panel.dates[ends + 1])) // 2
    folds = backtest.cut_folds(
        data.panel,
        ends,
        test_sessions=options.test_sessions or min(recipe.evaluation.holdout_sessions, half),
        refit_sessions=options.refit_sessions or recipe.evaluation.refit_sessions,
    )
    cache = Backtest(data.panel, folds, LEVELS).run(
        forecasters(recipe, options.seed),
        work=work,
        depends_on={
            "recipe": recipe.model_dump(),
            "seed": options.seed,
            "code": provenance.code(*_FORECASTING),
            "libraries": provenance.libraries(),
        },
        # two, not as many as there are cores: each holds TensorFlow and a copy of the panel
        workers=min(2, os.cpu_count() or 1),
    )
    names = (*BASELINES, LOG_HAR, LOG_HAR_STRONG, NETWORK, CLOSES)
    return Walk(data, recipe, options.seed, tuple(folds), cache, names)


@dataclass(frozen=True, slots=True)
class _Regression:
    """The log-HAR as a forecaster."""

    steps: int
    strong: bool

    def __call__(self, panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
        fitted = log_har.fit(WindowSet(panel, train, self.steps), levels, strong=self.strong)
        return fitted.quantiles(WindowSet(panel, test, self.steps))


@dataclass(frozen=True, slots=True)
class _Network:
    """The recipe's network as a forecaster: fitted, exported, and run as the service would."""

    recipe: Recipe
    seed: int
    closes_only: bool

    def __call__(self, panel: Panel, train: Rows, test: Rows, levels: Floats) -> Floats:
        # here, not above: TensorFlow takes seconds to import, and bad data is refused before
        from training.export import graphs  # noqa: PLC0415
        from training.networks import quantile_fit  # noqa: PLC0415

        learned, unseen = (
            WindowSet(panel, ends, self.recipe.window - 1, self.closes_only)
            for ends in (train, test)
        )
        fitted = quantile_fit.fit(self.recipe, learned, levels, seed=self.seed)
        return run_graph(graphs.to_bytes(graphs.of_quantiles(fitted)), unseen)


def forecasters(recipe: Recipe, seed: int) -> Mapping[str, Forecaster]:
    """Return all that a walk lets forecast, by name: the recipe's networks, and every baseline."""
    steps = recipe.window - 1
    return {
        # those that take longest first, and so is what may fail
        NETWORK: _Network(recipe, seed, closes_only=False),
        CLOSES: _Network(recipe, seed, closes_only=True),
        LOG_HAR: _Regression(steps, strong=False),
        LOG_HAR_STRONG: _Regression(steps, strong=True),
        **BASELINES,
    }


def run_graph(graph: bytes, windows: WindowSet) -> Floats:
    """Return the quantiles (n, k) that an exported network gives, by the service's runtime."""
    features = 1 if windows.closes_only else 4
    sessions = SessionCache(threads=2)
    network = OnnxNetwork(graph, steps=windows.steps, features=features, sessions=sessions)
    chunks = [network.run(chunk.astype(np.float32)) for chunk in windows.chunks()]
    return np.concatenate(chunks).astype(np.float64)
