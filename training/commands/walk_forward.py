"""What `fit` and `backtest` share: a walk forward of a model of any instrument, and its release."""

import argparse
import json
from pathlib import Path

from training.progress import say
from training.recipes.network_kinds import QuantileNetwork
from training.recipes.recipe import Recipe


def run(  # noqa: PLR0913 - two commands are this
    chosen: Recipe,
    described: QuantileNetwork,
    options: argparse.Namespace,
    *,
    test_sessions: int | None,
    refit_sessions: int | None,
    publish: str | None,
    docs: Path | None = None,
    fast: bool = False,
) -> int:
    """Walk forward, tell what came of it, and write and publish it where that is wanted."""
    # here, not above: they import what takes seconds to, and `recipes` should not wait for it
    from training.evaluation import accuracy, walk_forward  # noqa: PLC0415 - as said
    from training.reports import accuracy_page  # noqa: PLC0415 - as said

    walk = walk_forward.run(
        chosen,
        described,
        walk_forward.read(options.data, fast=fast),
        options.work,
        seed=options.seed,
        test_sessions=test_sessions,
        refit_sessions=walk_forward.ONE_REFIT if fast else refit_sessions,
    )
    found = accuracy.measure(walk)
    summary = found.summary()
    if docs:
        accuracy_page.write(found, docs)
    if publish:
        from training.publishing.quantile_release import release  # noqa: PLC0415 - TensorFlow

        released = release(found, described, options.models, publish, seed=options.seed)
        say(f"served and fitted quantiles differ by at most {released.parity:.1e}")
        summary["folder"] = str(released.folder)
    print(json.dumps(summary) if options.json else accuracy_page.targets_text(found))
    if publish and not options.json:
        print(f"published {summary['folder']}")
    return 0
