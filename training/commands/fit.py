"""`fit`: fit a recipe on CSV files, and publish it."""

import argparse
import json
from pathlib import Path

from training.commands import walk_forward
from training.commands.options import (
    Commands,
    add_instrument_column,
    add_models,
    add_seed,
    add_work,
    positive,
)
from training.errors import UsageError
from training.evaluation import holdout
from training.evaluation.holdout import Split
from training.publishing import point_release
from training.publishing.publish import Release, require_name
from training.recipes import library
from training.recipes.network_kinds import QuantileNetwork
from training.recipes.recipe import Recipe
from training.reports.model_report import verdict_in_words


def add(commands: Commands) -> None:
    """Add the command."""
    fit = commands.add_parser(
        "fit",
        help="fit a recipe on CSV files, and publish it",
        description="Fit a recipe, score it on sessions it has not seen, export it to ONNX, prove"
        " that the service forecasts what was fitted, and publish the next version.",
        epilog="CSV files are read as the service reads them: vendors' files as they are, newest or"
        " oldest first, with the recipe's column, such as Open, and dates. docs/files.md says what"
        " is read and what is refused. Exit status: 0 published, 2 wrong usage or data, 1 failed.",
    )
    fit.add_argument("--recipe", required=True, help="a name from `recipes`, or a .toml file")
    fit.add_argument("--train", type=Path, metavar="FILE", help="a CSV file to fit on")
    fit.add_argument("--test", type=Path, metavar="FILE", help="the sessions after it, to score on")
    fit.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="a folder of CSV files, one for each instrument; for a recipe that names its files"
        " (and without --holdout), the folder where they lie",
    )
    fit.add_argument(
        "--holdout",
        type=positive,
        metavar="SESSIONS",
        help="with --data: the last sessions to score on (default: the recipe's)",
    )
    fit.add_argument("--name", help="the model to publish (default: the recipe's name)")
    fit.add_argument("--epochs", type=positive, help="in place of the recipe's")
    add_instrument_column(fit)
    add_models(fit)
    add_seed(fit)
    add_work(fit)
    fit.add_argument("--json", action="store_true", help="print the summary for machines")
    fit.set_defaults(command=_fit)


def _fit(options: argparse.Namespace) -> int:
    chosen = library.load(options.recipe).with_epochs(options.epochs)
    name = options.name or chosen.name
    require_name(name)
    if isinstance(chosen.network, QuantileNetwork):
        if options.train or options.test or not options.data:
            raise UsageError(f"{chosen.name} is fitted on a folder of instruments: give --data DIR")
        found = walk_forward.measure(
            chosen, options, test_sessions=options.holdout, refit_sessions=options.holdout
        )
        return walk_forward.finish(found, options, name)
    outcome = holdout.run(chosen, _split(chosen, options), seed=options.seed)
    released = point_release.release(outcome, options.models, name)
    print(json.dumps(_summary(released)) if options.json else _text(released))
    return 0


def _split(chosen: Recipe, options: argparse.Namespace) -> Split:
    """Find the prices: two files, a folder of instruments, or what the recipe itself names."""
    if options.train and options.test and not (options.data or options.holdout):
        return holdout.split_files(chosen, options.train, options.test)
    if options.train or options.test:
        raise UsageError("--train FILE and --test FILE go together, and without --data")
    if options.data and (options.holdout or not chosen.data.train):
        return holdout.split_folder(
            chosen,
            options.data,
            options.holdout,
            instrument_column=options.instrument_column,
        )
    return holdout.split_as_source(chosen, options.data)


def _summary(released: Release) -> dict[str, object]:
    manifest = released.model.manifest
    return {
        "model": manifest.name,
        "version": manifest.version,
        "folder": str(released.folder),
        "parity": released.parity,
        "scores": manifest.scores.model_dump(mode="json"),
    }


def _text(released: Release) -> str:
    scores = released.model.manifest.scores
    return (
        f"MAE {scores.mae:.4g} {scores.unit}, tomorrow = today {scores.naive_mae:.4g}:"
        f" {scores.mae_vs_naive:.4f} times it, over {scores.sessions:,} forecasts\n"
        f"{verdict_in_words(scores)}\n"
        f"served and fitted forecasts differ by at most {released.parity:.1e}\n"
        f"published {released.folder}"
    )
