"""
Recipes fitted anew, several at a time, and published.

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

from training.errors import TrainingError
from training.evaluation import holdout
from training.progress import say
from training.publishing import point_release
from training.recipes import library
from training.reports.recipe_report import Row

_FOLDERS: Final = (Path("data/tutorials"), Path("../shared/data/tutorials"))
"""Where the sources' files are looked for: in the checkout, or beside it, shared by several."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to fit, from where, and where to leave it."""

    data: Path | None
    models: Path
    epochs: int | None
    """In place of each recipe's own."""
    seeds: int | None
    """Each recipe is fitted with the seeds 1 to this, or its own; the first is published."""
    jobs: int
    """Fits side by side, each in a process of its own."""


def run(names: Sequence[str], plan: RunPlan) -> Iterator[Row]:
    """
    Fit recipes by name, several at a time, publish each, and give each as it is done.

    Raises UsageError where a file is missing, before anything is fitted, and TrainingError
    with the names of the recipes that failed, when all the others are done.
    """
    folder = plan.data or next((each for each in _FOLDERS if each.is_dir()), None)
    seeds = {}
    for name in names:
        chosen = library.load(name)
        holdout.split_as_source(chosen, folder)
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


def _fit_one(name: str, seed: int, folder: Path | None, plan: RunPlan) -> Row:
    """Fit one recipe with one seed, quietly, and publish it if it is the first seed."""
    chosen = library.load(name).with_epochs(plan.epochs)
    split = holdout.split_as_source(chosen, folder)
    began = time.monotonic()
    with contextlib.redirect_stderr(io.StringIO()):
        outcome = holdout.run(chosen, split, seed=seed)
    seconds = time.monotonic() - began
    if seed == 1:
        point_release.release(outcome, plan.models, name)
    return Row.of(outcome, seconds)
