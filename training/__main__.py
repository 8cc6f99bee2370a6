"""
The command line.

    python -m training recipes
    python -m training fit --recipe fb-lstm45 --train FB.csv --test FB_test.csv --name fb
    python -m training backtest --recipe global-ohlc --data prices/ --docs docs
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training import experiment, gallery, recipe
from training.errors import TrainingError, UsageError
from training.experiment import Published, Split
from training.progress import say
from training.publish import require_name
from training.recipe import QuantileNetwork, Recipe
from training.report import verdict

_FAILED: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 2 usage, 1 failed."""
    # TensorFlow's start-up notes say nothing to who fits a model
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # noqa: TID251 - written, not read
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except UsageError as error:
        say(f"error: {error}")
        return _USAGE
    except TrainingError as error:
        say(f"failed: {error}")
        return _FAILED
    except KeyboardInterrupt:
        say("interrupted: nothing was published")
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Fit networks on daily prices, judge them, and publish them for the service.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    recipes = commands.add_parser("recipes", help="what can be fitted")
    recipes.add_argument("--json", action="store_true", help="for machines")
    recipes.add_argument(
        "--run",
        metavar="all|NAME,…",
        help="fit those that name their data, publish each, and write recipes.md",
    )
    recipes.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the sources' files lie (default: data/tutorials)",
    )
    recipes.add_argument("--epochs", type=_positive, help="in place of each recipe's: a trial run")
    recipes.add_argument(
        "--seeds",
        type=_positive,
        help="fit with the seeds 1 to this (default: as many as each recipe says; 1 for a trial)",
    )
    recipes.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="fits side by side"
    )
    recipes.add_argument("--models", type=Path, default=Path("models"), help="default: models")
    recipes.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="where recipes.md is written (default: docs; MODELS/.trial for a trial run)",
    )
    recipes.set_defaults(command=_recipes)

    fit = commands.add_parser(
        "fit",
        help="fit a recipe on CSV files, and publish it",
        description="Fit a recipe, score it on sessions it has not seen, export it to ONNX, prove"
        " that the service forecasts what was fitted, and publish the next version.",
        epilog="CSV files have a header with Date and the recipe's column, such as Open; dates are"
        " 2026-11-20, 11/20/26 or 20-Nov-26, newest or oldest first; other columns are ignored."
        " Exit status: 0 published, 2 wrong usage or data, 1 failed.",
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
        type=_positive,
        metavar="SESSIONS",
        help="with --data: the last sessions to score on (default: the recipe's)",
    )
    fit.add_argument("--name", help="the model to publish (default: the recipe's name)")
    fit.add_argument("--epochs", type=_positive, help="in place of the recipe's")
    fit.add_argument("--models", type=Path, default=Path("models"), help="default: models")
    fit.add_argument("--seed", type=int, default=1, help="default: 1")
    fit.add_argument("--json", action="store_true", help="print the summary for machines")
    fit.set_defaults(command=_fit)

    backtest = commands.add_parser(
        "backtest",
        help="walk a model of any instrument forward, against every baseline",
        description="Fit on what was known, forecast the sessions after it, move on, and score the"
        " network beside tomorrow = today, drift, historical simulation, EWMA, GARCH, GJR-GARCH and"
        " pooled log-HARs on the same sessions. Interrupted, it goes on where it stopped.",
        epilog="The folder holds CSV files, one for each instrument, with Date, Open, High, Low,"
        " Close and, where there is one, Adj Close. Rows that cannot be right are named and left"
        " out. Exit status: 0 done, 2 wrong usage or data, 1 failed.",
    )
    what = backtest.add_mutually_exclusive_group()
    what.add_argument("--recipe", help="a name from `recipes`, or a .toml file")
    what.add_argument("--model", help="a published model, whose recipe is taken")
    backtest.add_argument("--data", type=Path, metavar="DIR", required=True, help="CSV files")
    backtest.add_argument(
        "--sessions",
        type=_positive,
        help="the newest sessions to forecast (default: the recipe's, at most half of those there"
        " are)",
    )
    backtest.add_argument("--refit", type=_positive, help="sessions from one fit to the next")
    backtest.add_argument(
        "--fast", action="store_true", help="20 instruments and one refit: a trial, in minutes"
    )
    backtest.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="where accuracy.md and its pictures are written (default: WORK)",
    )
    backtest.add_argument(
        "--publish",
        metavar="NAME",
        help="then refit on all sessions, and publish with what the walk forward showed",
    )
    backtest.add_argument("--models", type=Path, default=Path("models"), help="default: models")
    backtest.add_argument("--seed", type=int, default=1, help="default: 1")
    backtest.add_argument("--json", action="store_true", help="print the scores for machines")
    for command in (fit, backtest):
        command.add_argument(
            "--work",
            type=Path,
            default=Path(".backtest"),
            metavar="DIR",
            help="where forecasts are kept, for a run that was interrupted (default: .backtest)",
        )
    backtest.set_defaults(command=_backtest)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, was {value}")
    return value


def _recipes(options: argparse.Namespace) -> int:
    if options.run:
        return _run_recipes(options)
    found = {name: recipe.load(name) for name in recipe.names()}
    if options.json:
        print(json.dumps({name: each.model_dump() for name, each in found.items()}, indent=2))
        return 0
    width = max(map(len, found))
    for name, each in found.items():
        print(f"{name:{width}}  {each.title}")
    return 0


def _run_recipes(options: argparse.Namespace) -> int:
    known = gallery.source_recipes()
    names = known if options.run == "all" else options.run.split(",")
    for name in names:
        if name not in known:
            raise UsageError(
                f"no recipe {name!r} that names its data; there are {', '.join(known)}"
            )
    plan = gallery.Plan(
        data=options.data,
        models=options.models,
        epochs=options.epochs,
        seeds=options.seeds or (1 if options.epochs else None),
        jobs=options.jobs,
    )
    # a trial run must not take the place of the figures of a real one
    trial = options.models / ".trial"
    docs = options.docs or (trial if options.epochs else Path("docs"))
    command = f"python -m training recipes --run {options.run}"
    for option in ("epochs", "seeds"):
        if getattr(options, option):
            command += f" --{option} {getattr(options, option)}"
    page, rows = docs / "recipes.md", []
    for row in gallery.run(names, plan):
        rows.append(row)
        # again after each: a long run that is ended has written what it had
        gallery.write(rows, page, command)
    print(f"published {len(names)} models in {options.models}; wrote {page}")
    return 0


def _fit(options: argparse.Namespace) -> int:
    chosen = recipe.load(options.recipe).with_epochs(options.epochs)
    name = options.name or chosen.name
    require_name(name)
    if isinstance(chosen.network, QuantileNetwork):
        if options.train or options.test or not options.data:
            raise UsageError(f"{chosen.name} is fitted on a folder of instruments: give --data DIR")
        sessions = options.holdout
        return _walk_forward(chosen, chosen.network, options, sessions, sessions, publish=name)
    outcome = experiment.run(chosen, _split(chosen, options), seed=options.seed)
    published = experiment.publish(outcome, options.models, name)
    print(json.dumps(_summary(published)) if options.json else _told(published))
    return 0


def _backtest(options: argparse.Namespace) -> int:
    if options.model:
        chosen = recipe.of_model(options.models, options.model)
    else:
        chosen = recipe.load(options.recipe or "global-ohlc")
    if not isinstance(chosen.network, QuantileNetwork):
        raise UsageError(f"{chosen.name} forecasts points: `fit` scores it on held-out sessions")
    if options.publish:
        require_name(options.publish)
    return _walk_forward(
        chosen, chosen.network, options, options.sessions, options.refit, publish=options.publish
    )


def _walk_forward(  # noqa: PLR0913 - two commands are this
    chosen: Recipe,
    described: QuantileNetwork,
    options: argparse.Namespace,
    sessions: int | None,
    refit: int | None,
    *,
    publish: str | None,
) -> int:
    # here, not above: they import what takes seconds to, and `recipes` should not wait for it
    from training import accuracy, accuracy_page, global_model  # noqa: PLC0415 - as said

    fast = getattr(options, "fast", False)
    data = global_model.read(options.data, fast=fast)
    walk = global_model.walk(
        chosen,
        described,
        data,
        options.work,
        seed=options.seed,
        test_sessions=sessions,
        refit_sessions=global_model.ONE_REFIT if fast else refit,
    )
    found = accuracy.measure(walk)
    summary = found.summary()
    if options.command is _backtest:
        accuracy_page.write(found, options.docs or options.work)
    if publish:
        from training.release import release  # noqa: PLC0415 - TensorFlow

        released = release(found, described, options.models, publish, seed=options.seed)
        say(f"served and fitted quantiles differ by at most {released.parity:.1e}")
        summary["folder"] = str(released.folder)
    print(json.dumps(summary) if options.json else accuracy_page.told(found))
    if publish and not options.json:
        print(f"published {summary['folder']}")
    return 0


def _split(chosen: Recipe, options: argparse.Namespace) -> Split:
    """Find the prices: two files, a folder of instruments, or what the recipe itself names."""
    if options.train and options.test and not (options.data or options.holdout):
        return experiment.split_files(chosen, options.train, options.test)
    if options.train or options.test:
        raise UsageError("--train FILE and --test FILE go together, and without --data")
    if options.data and (options.holdout or not chosen.data.train):
        return experiment.split_folder(chosen, options.data, options.holdout)
    return experiment.split_own(chosen, options.data)


def _summary(published: Published) -> dict[str, object]:
    manifest = published.model.manifest
    return {
        "model": manifest.name,
        "version": manifest.version,
        "folder": str(published.folder),
        "parity": published.parity,
        "scores": manifest.scores.model_dump(mode="json"),
    }


def _told(published: Published) -> str:
    scores = published.model.manifest.scores
    return (
        f"MAE {scores.mae:.4g} {scores.unit}, tomorrow = today {scores.naive_mae:.4g}:"
        f" {scores.mae_vs_naive:.4f} times it, over {scores.sessions:,} forecasts\n"
        f"{verdict(scores)}\n"
        f"served and fitted forecasts differ by at most {published.parity:.1e}\n"
        f"published {published.folder}"
    )


if __name__ == "__main__":
    sys.exit(main())
