"""
Every source system, fitted anew and set beside what it published and what costs nothing.

    python -m training recipes --run all --data DIR
"""

import concurrent.futures
import contextlib
import io
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from training.errors import TrainingError
from training.evaluation import holdout, point_scores
from training.progress import say
from training.recipes import recipe
from training.recipes.recipe import Recipe
from training.reports import model_report, plots

_FOLDERS: Final = (Path("data/tutorials"), Path("../shared/data/tutorials"))
"""Where the sources' files are looked for: in the checkout, or beside it, shared by several."""


_HEADER: Final = (
    "| recipe | its source published | Keras's own layers | MAE | range, seeds"
    " | tomorrow = today | prior close | times tomorrow = today | RMSE"
    " | loss, first and last epoch | fit, s |"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fit, from where, and where to leave it."""

    data: Path | None
    models: Path
    epochs: int | None
    """In place of each recipe's own."""
    seeds: int | None
    """Each recipe is fitted with the seeds 1 to this, or its own; the first is published."""
    jobs: int
    """Fits side by side, each in a process of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe, fitted with one seed."""

    recipe: Recipe
    seed: int
    seconds: float
    mae: float
    rmse: float
    naive_mae: float
    naive_rmse: float
    prior_close_mae: float | None
    sessions: int
    losses: tuple[float, float]
    """After the first epoch and the last."""
    lagging: str
    """What the lag plot shows, in plain words."""
    picture: bytes


def source_recipes() -> list[str]:
    """Return the names of the recipes that say what they are fitted on."""
    loaded = (recipe.load(name) for name in recipe.names())
    return [each.name for each in loaded if each.data.train or each.data.generate]


def run(names: Sequence[str], plan: Plan) -> Iterator[Row]:
    """
    Fit recipes by name, several at a time, publish each, and give each as it is done.

    Raises UsageError where a file is missing, before anything is fitted, and TrainingError
    with the names of the recipes that failed, when all the others are done.
    """
    folder = plan.data or next((each for each in _FOLDERS if each.is_dir()), None)
    seeds = {}
    for name in names:
        chosen = recipe.load(name)
        holdout.split_own(chosen, folder)
        seeds[name] = plan.seeds or chosen.evaluation.seeds
    # the first seed of every recipe before the second of any
    work = [
        (name, seed)
        for seed in range(1, max(seeds.values()) + 1)
        for name in names
        if seed <= seeds[name]
    ]
    failed: list[str] = []
    # processes that begin anew: TensorFlow does not survive a fork
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        plan.jobs, mp_context=context, initializer=_begin, initargs=(plan.jobs,)
    ) as pool:
        futures = {
            pool.submit(_fit_one, name, seed, folder, plan): (name, seed) for name, seed in work
        }
        for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            name, seed = futures[future]
            try:
                row = future.result()
            except TrainingError as error:
                failed.append(f"{name} (seed {seed}): {error}")
                continue
            say(
                f"{done}/{len(work)} {name}, seed {seed}: MAE {row.mae:.4g},"
                f" tomorrow = today {row.naive_mae:.4g}; {row.seconds:.0f} s"
            )
            yield row
    if failed:
        raise TrainingError("; ".join(failed))


def _begin(jobs: int) -> None:
    """Give each of several fits one thread: those of one fit would only wait for the others'."""
    import tensorflow as tf  # noqa: PLC0415 - in the process that fits, never in the one that asks

    # one process makes many networks: TensorFlow would advise against it each time
    tf.get_logger().setLevel("ERROR")
    if jobs > 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _fit_one(name: str, seed: int, folder: Path | None, plan: Plan) -> Row:
    """Fit one recipe with one seed, quietly, and publish it if it is the first seed."""
    chosen = recipe.load(name).with_epochs(plan.epochs)
    split = holdout.split_own(chosen, folder)
    began = time.monotonic()
    with contextlib.redirect_stderr(io.StringIO()):
        outcome = holdout.run(chosen, split, seed=seed)
    seconds = time.monotonic() - began
    if seed == 1:
        holdout.publish(outcome, plan.models, name)
    judged, losses = outcome.judged, outcome.judged.losses["loss"]
    prior = judged.prior_close
    return Row(
        recipe=chosen,
        seed=seed,
        seconds=seconds,
        mae=outcome.scores.mae,
        rmse=outcome.scores.rmse,
        naive_mae=outcome.scores.naive_mae,
        naive_rmse=outcome.scores.naive_rmse,
        prior_close_mae=None if prior is None else point_scores.mae(judged.actual, prior),
        sessions=outcome.scores.sessions,
        losses=(losses[0], losses[-1]),
        lagging=model_report.lag_in_words(judged),
        picture=plots.thumbnail(judged),
    )


def write(rows: Sequence[Row], page: Path, command: str) -> None:
    """Write the page, and a picture of each recipe into the folder `recipes` beside it."""
    pictures = page.parent / "recipes"
    pictures.mkdir(parents=True, exist_ok=True)
    first = sorted((row for row in rows if row.seed == 1), key=lambda row: row.recipe.name)
    for row in first:
        (pictures / f"{row.recipe.name}.png").write_bytes(row.picture)
    page.write_text(_page(rows, first, command), encoding="utf-8")


def _page(rows: Sequence[Row], first: Sequence[Row], command: str) -> str:
    table = [_HEADER, "|---" * _HEADER.count(" | ") + "|---|"]
    sections = []
    for row in first:
        maes = [each.mae for each in rows if each.recipe.name == row.recipe.name]
        published = ", ".join(f"{name} {value}" for name, value in row.recipe.published.items())
        reference = row.recipe.keras_mae or ""
        prior = "" if row.prior_close_mae is None else f"{row.prior_close_mae:.2f}"
        table.append(
            f"| [`{row.recipe.name}`](#{row.recipe.name}) | {published} | {reference}"
            f" | {row.mae:.4g} | {_range(maes)} | {row.naive_mae:.4g} | {prior}"
            f" | {row.mae / row.naive_mae:.2f} | {row.rmse:.4g}"
            f" | {row.losses[0]:.4f}, {row.losses[1]:.4f} | {row.seconds:.0f} |"
        )
        sections.append(
            f"## {row.recipe.name}\n\n"
            f"{row.recipe.title}.\n{row.recipe.source}.\n"
            f"{_length(row)}{row.lagging}\n\n"
            f"![Actual prices, the forecast and tomorrow = today](recipes/{row.recipe.name}.png)\n"
        )
    worse = sum(
        float(np.median([each.mae for each in rows if each.recipe.name == row.recipe.name]))
        > row.naive_mae
        for row in first
    )
    return (
        "# Every source system, and what it is worth\n\n"
        "Each of the systems that this project grows from, fitted anew on its own data with its"
        " own settings, and scored on its own test sessions.\n"
        "Beside it stand the figures that its source published, the last price as the forecast"
        " (tomorrow = today), and the close of the evening before, which anyone has by the time"
        " that the next open is asked for.\n"
        f"Written by `{command}`; MAE, RMSE and pictures are those of seed 1, the range is that of"
        " so many seeds from 1, in the unit of the prices. The column of Keras's own layers has the"
        " MAE of one run of the same recipe in them, seed 1.\n\n"
        f"Of {len(first)} recipes, {worse} do worse than tomorrow = today (median over the seeds)."
        "\nThe pictures show why: the forecast is a smoothed copy of the days before, one day"
        " late.\n\n" + "\n".join(table) + "\n\n" + "\n".join(sections)
    )


def _length(row: Row) -> str:
    if row.recipe.data.generate:
        return "No prices: what comes next can be known.\n"
    return f"{row.sessions} sessions to test on: far too few to rank models by.\n"


def _range(maes: Sequence[float]) -> str:
    if len(maes) == 1:
        return ""
    return f"{min(maes):.4g} to {max(maes):.4g}, {len(maes)}"
