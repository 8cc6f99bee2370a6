"""One run, top to bottom: a recipe and prices in, a published model and its scores out."""

import importlib.metadata
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from app import scaling
from app.artifact import Draft, Scores, TrainingRange
from app.forecast import Model
from app.scaling import Floats
from training import dataset, report, scores, sources
from training.dataset import Examples
from training.errors import BadData, UsageError
from training.progress import say
from training.publish import publish
from training.recipe import Recipe

# TensorFlow's package has another name where it is the CPU build
_LIBRARIES: Final = frozenset(
    ["keras", "numpy", "onnx", "onnxruntime", "pandas", "tensorflow", "tensorflow-cpu", "tf2onnx"]
)
_PARITY_WINDOWS: Final = 256


@dataclass(frozen=True, slots=True)
class Split:
    """Prices, cut into windows to fit on, to choose the epoch by, and to score on."""

    prices: pd.DataFrame
    training: Examples
    validation: Examples | None
    test: Examples
    cutoff: np.datetime64
    """The first session that is held out for scoring."""


@dataclass(frozen=True, slots=True)
class Published:
    """What came of a run."""

    model: Model
    folder: Path
    parity: float
    """Largest relative difference between served and Keras's forecasts."""


def split_files(recipe: Recipe, training: Path, test: Path) -> Split:
    """Hold out the sessions of a test file, which must follow those of the training file."""
    before = sources.read_csv(training, recipe.columns)
    after = sources.read_csv(test, recipe.columns)
    if after["date"].min() <= before["date"].max():
        raise BadData(
            test,
            f"begins on {after['date'].min():%Y-%m-%d}, and {training} goes on to"
            f" {before['date'].max():%Y-%m-%d}; the test file must begin after that",
        )
    _require_windows(recipe, training, before)
    prices = pd.concat([before, after.assign(instrument=training.stem)], ignore_index=True)
    examples = dataset.cut(prices, recipe.window)
    return _split(recipe, training, prices, examples, np.datetime64(after["date"].min(), "D"))


def split_folder(recipe: Recipe, folder: Path, holdout_sessions: int | None) -> Split:
    """Hold out the last sessions of all the files in a folder."""
    prices = sources.read_folder(folder, recipe.columns)
    _require_windows(recipe, folder, prices)
    examples = dataset.cut(prices, recipe.window)
    sessions = holdout_sessions or recipe.evaluation.holdout_sessions
    cutoff = dataset.newest_sessions(examples.dates, sessions)
    if cutoff is None:
        raise BadData(
            folder,
            f"too few rows: {sessions} sessions are to be held out, and there are windows for"
            f" {len(np.unique(examples.dates))}; give more history, or a smaller --holdout",
        )
    return _split(recipe, folder, prices, examples, cutoff)


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
    if recipe.fit.validation_sessions:
        start = dataset.newest_sessions(training.dates, recipe.fit.validation_sessions)
        if start is None:
            raise BadData(
                source,
                f"too few rows: {recipe.fit.validation_sessions} sessions are to choose the epoch,"
                f" and there are windows for {len(np.unique(training.dates))} before {cutoff}",
            )
        training, validation = training.before(start), training.since(start)
    return Split(prices, training, validation, examples.since(cutoff), cutoff)


def run(recipe: Recipe, split: Split, *, root: Path, name: str, seed: int) -> Published:
    """Fit, forecast the held-out sessions, export, prove and publish."""
    # here, not above: TensorFlow takes seconds to import, and bad data is refused before
    from training import export  # noqa: PLC0415
    from training.fit import Pairs, fit  # noqa: PLC0415

    training, test = split.training, split.test
    say(
        f"{recipe.name}: {recipe.title}\n"
        f"{len(training):,} windows of {recipe.window} sessions to fit on,"
        f" {training.first} to {training.last};"
        f" {len(test):,} held out, {test.first} to {test.last}"
    )
    rows = split.prices.loc[split.prices["date"] < pd.Timestamp(split.cutoff)]
    scaler = scaling.fit(recipe.scaler, rows["price"].to_numpy(dtype=np.float64))

    def pairs(examples: Examples) -> Pairs:
        return Pairs(
            inputs=scaler.inputs(examples.windows),
            targets=scaler.targets(examples.windows, examples.nexts),
        )

    validation = None if split.validation is None else pairs(split.validation)
    network = fit(recipe, pairs(training), validation, seed=seed)

    expected = export.keras_prices(network, scaler, test.windows)
    draft = Draft(
        window=recipe.window,
        fields=(recipe.target,),
        target=recipe.target,
        output="point",
        recipe=recipe.model_dump(),
        seed=seed,
        trained_on=TrainingRange(
            first=rows["date"].min().date(),
            last=rows["date"].max().date(),
            cutoff=dataset.as_date(split.cutoff),
            instruments=tuple(np.unique(training.instruments).tolist()),
            windows=len(training),
        ),
        data_digest=sources.digest(split.prices),
        scores=judge(test, expected),
        created_at=datetime.now(UTC).replace(microsecond=0),
        libraries=_libraries(),
        git_commit=_git_commit(),
    )
    shown = np.linspace(0, len(test) - 1, min(len(test), _PARITY_WINDOWS)).astype(int)
    parity = export.Parity(test.windows[shown], expected[shown])
    model = publish(
        root,
        name,
        draft=draft,
        graph=export.to_onnx(network),
        scaler=scaler,
        card=report.card(name, recipe, draft),
        prove=parity.prove,
    )
    return Published(model, root / name / str(model.manifest.version), parity.worst)


def judge(test: Examples, expected: Floats) -> Scores:
    """
    Score forecasts (n,) of held-out sessions, with "tomorrow = today" beside them.

    One instrument is scored in its own unit; several, whose prices cannot be added up, in
    percent of the last price.
    """
    naive = test.windows[:, -1, 0]
    instruments = len(np.unique(test.instruments))
    scale = np.ones_like(naive) if instruments == 1 else 100 / naive
    actual, model, last = test.nexts * scale, expected * scale, naive * scale
    mae, naive_mae = scores.mae(actual, model), scores.mae(actual, last)
    rmse, naive_rmse = scores.rmse(actual, model), scores.rmse(actual, last)
    if not naive_mae:
        raise UsageError("the held-out prices never move: there is nothing to score against")
    errors = pd.DataFrame({"model": np.abs(actual - model), "naive": np.abs(actual - last)})
    by_date = errors.groupby(test.dates).mean()
    return Scores(
        first=test.first,
        last=test.last,
        sessions=len(test),
        instruments=instruments,
        unit="price" if instruments == 1 else "percent of the last price",
        mae=mae,
        rmse=rmse,
        naive_mae=naive_mae,
        naive_rmse=naive_rmse,
        mae_vs_naive=mae / naive_mae,
        rmse_vs_naive=rmse / naive_rmse,
        dm_t=scores.diebold_mariano(by_date["model"].to_numpy(), by_date["naive"].to_numpy()),
    )


def _libraries() -> dict[str, str]:
    installed = importlib.metadata.distributions()
    found = {each.metadata["Name"].replace("_", "-").lower(): each.version for each in installed}
    return {library: found[library] for library in sorted(_LIBRARIES & found.keys())}


def _git_commit() -> str | None:
    """Return the commit of the code that fits, where it lies in a git checkout."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever git is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
