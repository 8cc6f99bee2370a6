"""What `fit` and `backtest` share: a walk forward of a model of any instrument, and its release."""

import argparse
import json
from typing import TYPE_CHECKING

from training.progress import say
from training.recipes.recipe import Recipe

if TYPE_CHECKING:
    from training.evaluation.accuracy import Accuracy


def measure(
    recipe: Recipe,
    options: argparse.Namespace,
    *,
    test_sessions: int | None,
    refit_sessions: int | None,
    fast: bool = False,
) -> "Accuracy":
    """Walk forward over the data of a command's options, and score every forecaster."""
    # here, not above: they import what takes seconds to, and `recipes` should not wait for it
    from training.evaluation import accuracy, walk_forward  # noqa: PLC0415 - as said

    walk_options = walk_forward.WalkOptions(
        seed=options.seed,
        test_sessions=test_sessions,
        refit_sessions=walk_forward.ONE_REFIT if fast else refit_sessions,
    )
    data = walk_forward.read(options.data, fast=fast, instrument_column=options.instrument_column)
    return accuracy.measure(walk_forward.run(recipe, data, options.work, walk_options))


def finish(found: "Accuracy", options: argparse.Namespace, publish: str | None) -> int:
    """Publish the model where it has a name, print what came of it, and return 0."""
    from training.reports import accuracy_page  # noqa: PLC0415 - as above

    summary = found.summary()
    if publish:
        from training.publishing.quantile_release import release  # noqa: PLC0415 - TensorFlow

        released = release(found, options.models, publish)
        say(f"served and fitted quantiles differ by at most {released.parity:.1e}")
        summary["folder"] = str(released.folder)
    print(json.dumps(summary) if options.json else accuracy_page.targets_text(found))
    if publish and not options.json:
        print(f"published {summary['folder']}")
    return 0
