"""One recipe and its prices: fitted, and scored on sessions that it has not seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.artifact.manifest import Scores
from app.forecasting import scalers
from app.forecasting.arrays import Floats
from app.forecasting.scalers import LevelScaler, ReturnScaler
from training.datasets import windows
from training.datasets.windows import Examples
from training.errors import BadData, UsageError
from training.evaluation import point_scores
from training.progress import say
from training.recipes.recipe import Recipe
from training.sources import csv_files, quality

if TYPE_CHECKING:
    from training.networks.fit import FittedKeras, FittedScratch


@dataclass(frozen=True, slots=True)
class Split:
    """Prices, cut into windows to fit on, to choose the epoch by, and to score on."""

    prices: pd.DataFrame
    training: Examples
    validation: Examples | None
    test: Examples
    cutoff: np.datetime64
    """The first session that is held out for scoring."""

    @property
    def rows_before_cutoff(self) -> pd.DataFrame:
        """The rows that fitting may know of."""
        return self.prices.loc[self.prices["date"] < pd.Timestamp(self.cutoff)]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutForecasts:
    """Forecasts of held-out sessions, oldest first within an instrument, and what came."""

    dates: NDArray[np.datetime64]
    """(n,) the session forecast, to the day."""
    actual: Floats
    """(n,) prices, as all below."""
    expected: Floats
    last: Floats
    """(n,) the last of the window: the naive forecast."""
    prior_close: Floats | None
    """(n,) the close of the evening before, for models of the open."""
    instruments: NDArray[np.str_]
    """(n,)"""
    scale: float
    """From `point_scores.mase_scale`: in percent where there are several instruments."""
    losses: dict[str, list[float]]
    """`loss`, and maybe `val_loss`: one number an epoch."""

    @property
    def names(self) -> list[str]:
        """The instruments; where there are several, their prices cannot be added up."""
        return [str(name) for name in np.unique(self.instruments)]


@dataclass(frozen=True, slots=True, eq=False)
class HoldoutResult:
    """A fitted network, and how it did on the held-out sessions; nothing is published yet."""

    recipe: Recipe
    split: Split
    seed: int
    scaler: LevelScaler | ReturnScaler
    fitted: "FittedKeras | FittedScratch"
    held_out: HeldOutForecasts
    scores: Scores


def split_files(recipe: Recipe, training: Path, test: Path) -> Split:
    """Hold out the sessions of a test file, which must follow those of the training file."""
    before = csv_files.read_csv(training, recipe.columns)
    after = csv_files.read_csv(test, recipe.columns)
    if after["date"].min() <= before["date"].max():
        raise BadData(
            test,
            f"begins on {after['date'].min():%Y-%m-%d}, and {training} goes on to"
            f" {before['date'].max():%Y-%m-%d}; the test file must begin after that",
        )
    _require_windows(recipe, training, before)
    _flag(pd.concat([before, after], ignore_index=True))
    prices = pd.concat([before, after.assign(instrument=training.stem)], ignore_index=True)
    examples = windows.cut_windows(prices, recipe.window)
    return _split(recipe, training, prices, examples, np.datetime64(after["date"].min(), "D"))


def split_folder(
    recipe: Recipe,
    folder: Path,
    holdout_sessions: int | None = None,
    *,
    instrument_column: str | None = None,
) -> Split:
    """Hold out the last sessions of all the files in a folder; a column may name instruments."""
    prices = csv_files.read_folder(folder, recipe.columns, instrument_column=instrument_column)
    return _split_last(recipe, folder, prices, holdout_sessions)


def split_as_source(recipe: Recipe, folder: Path | None) -> Split:
    """Use what the recipe's source did: files of its names in `folder`, or the series it makes."""
    if recipe.data.generate == "sine":
        return _split_last(recipe, Path("sine"), csv_files.sine(), None)
    if folder is None or recipe.data.train is None or recipe.data.test is None:
        raise UsageError(f"{recipe.name}: give --train FILE and --test FILE, or --data DIR")
    return split_files(recipe, folder / recipe.data.train, folder / recipe.data.test)


def _split_last(
    recipe: Recipe, folder: Path, prices: pd.DataFrame, holdout_sessions: int | None
) -> Split:
    _require_windows(recipe, folder, prices)
    _flag(prices)
    examples = windows.cut_windows(prices, recipe.window)
    sessions = holdout_sessions or recipe.evaluation.holdout_sessions
    cutoff = windows.newest_sessions(examples.dates, sessions)
    if cutoff is None:
        raise BadData(
            folder,
            f"too few rows: {sessions} sessions are to be held out, and there are windows for"
            f" {len(np.unique(examples.dates))}; give more history, or a smaller --holdout",
        )
    return _split(recipe, folder, prices, examples, cutoff)


def _flag(prices: pd.DataFrame) -> None:
    """Say which moves no volatility explains; the sessions stay, for the recipe asked for them."""
    for flag in quality.check_column(prices):
        say(f"{flag.instrument} {flag.date}: {flag.message}")


def _require_windows(recipe: Recipe, source: Path, prices: pd.DataFrame) -> None:
    longest = int(prices.groupby("instrument").size().max())
    if longest <= recipe.window:
        raise BadData(
            source,
            f"too few rows: a window of {recipe.window} sessions and the one after it need"
            f" {recipe.window + 1}, and there are {longest}",
        )


def _split(
    recipe: Recipe, source: Path, prices: pd.DataFrame, examples: Examples, cutoff: np.datetime64
) -> Split:
    training, validation = examples.before(cutoff), None
    sessions = len(np.unique(training.dates))
    chosen = recipe.fit.validation_sessions or round(sessions * recipe.fit.validation_share)
    if chosen:
        start = windows.newest_sessions(training.dates, chosen)
        if start is None:
            raise BadData(
                source,
                f"too few rows: {chosen} sessions are to choose the epoch,"
                f" and there are windows for {sessions} before {cutoff}",
            )
        training, validation = training.before(start), training.since(start)
    return Split(prices, training, validation, examples.since(cutoff), cutoff)


def run(recipe: Recipe, split: Split, *, seed: int) -> HoldoutResult:
    """Fit, and forecast the held-out sessions."""
    # here, not above: TensorFlow takes seconds to import, and bad data is refused before
    from training.networks.fit import Pairs, fit  # noqa: PLC0415

    training, test = split.training, split.test
    say(
        f"{recipe.name}: {recipe.title}\n"
        f"{len(training):,} windows of {recipe.window} sessions to fit on,"
        f" {training.first} to {training.last};"
        f" {len(test):,} held out, {test.first} to {test.last}"
    )
    rows = split.rows_before_cutoff
    scaler = scalers.fit(recipe.scaler, rows["price"].to_numpy(dtype=np.float64))

    def pairs(examples: Examples) -> Pairs:
        return Pairs(
            inputs=scaler.inputs(examples.windows),
            targets=scaler.targets(examples.windows, examples.next_prices),
        )

    validation = None if split.validation is None else pairs(split.validation)
    fitted = fit(recipe, pairs(training), validation, seed=seed)
    outputs = fitted.outputs(scaler.inputs(test.windows))
    expected = scaler.prices(test.windows, outputs)[:, 0]
    panel = len(np.unique(test.instruments)) > 1
    held_out = HeldOutForecasts(
        dates=test.dates,
        actual=test.next_prices,
        expected=expected,
        last=test.windows[:, -1, 0],
        prior_close=_prior_closes(recipe, test),
        instruments=test.instruments,
        scale=point_scores.mase_scale(
            rows["price"].to_numpy(dtype=np.float64),
            rows["instrument"].to_numpy(dtype=np.str_),
            percent=panel,
        ),
        losses=fitted.losses,
    )
    return HoldoutResult(recipe, split, seed, scaler, fitted, held_out, score(test, expected))


def _prior_closes(recipe: Recipe, test: Examples) -> Floats | None:
    """Return the closes of the evenings before, where the model is not of the close itself."""
    if recipe.target == "close" or not np.isfinite(test.prior_closes).all():
        return None
    return test.prior_closes


def score(test: Examples, expected: Floats) -> Scores:
    """
    Score forecasts (n,) of held-out sessions, and "tomorrow = today" on the same ones.

    One instrument is scored in its own unit; several, whose prices cannot be added up, in
    percent of the last price.
    """
    naive = test.windows[:, -1, 0]
    instruments = len(np.unique(test.instruments))
    scale = np.ones_like(naive) if instruments == 1 else 100 / naive
    actual = test.next_prices * scale
    return point_scores.summarise(
        test.dates,
        test.instruments,
        expected * scale - actual,
        naive * scale - actual,
        unit="price" if instruments == 1 else "percent of the last price",
    )
