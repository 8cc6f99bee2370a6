"""`backtest`: walk a model of any instrument forward, against every baseline."""

import argparse
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
from training.publishing.publish import require_name
from training.recipes import library
from training.recipes.network_kinds import QuantileNetwork


def add(commands: Commands) -> None:
    """Add the command."""
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
        type=positive,
        help="the newest sessions to forecast (default: the recipe's, at most half of those there"
        " are)",
    )
    backtest.add_argument("--refit", type=positive, help="sessions from one fit to the next")
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
    add_instrument_column(backtest)
    add_models(backtest)
    add_seed(backtest)
    add_work(backtest)
    backtest.add_argument("--json", action="store_true", help="print the scores for machines")
    backtest.set_defaults(command=_backtest)


def _backtest(options: argparse.Namespace) -> int:
    if options.model:
        chosen = library.of_model(options.models, options.model)
    else:
        chosen = library.load(options.recipe or "global-ohlc")
    if not isinstance(chosen.network, QuantileNetwork):
        raise UsageError(f"{chosen.name} forecasts points: `fit` scores it on held-out sessions")
    if options.publish:
        require_name(options.publish)
    found = walk_forward.measure(
        chosen,
        options,
        test_sessions=options.sessions,
        refit_sessions=options.refit,
        fast=options.fast,
    )
    # here, not above: it imports what takes seconds to
    from training.reports import accuracy_page  # noqa: PLC0415

    accuracy_page.write(found, options.docs or options.work)
    return walk_forward.finish(found, options, options.publish)
