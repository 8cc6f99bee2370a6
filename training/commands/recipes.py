"""`recipes`: what can be fitted, and all of it fitted side by side."""

import argparse
import json
import os
from pathlib import Path

from training.commands.options import Commands, add_models, positive
from training.errors import UsageError
from training.publishing import recipe_runs
from training.recipes import library
from training.reports import recipe_report


def add(commands: Commands) -> None:
    """Add the command."""
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
    recipes.add_argument("--epochs", type=positive, help="in place of each recipe's: a trial run")
    recipes.add_argument(
        "--seeds",
        type=positive,
        help="fit with the seeds 1 to this (default: as many as each recipe says; 1 for a trial)",
    )
    recipes.add_argument(
        "--jobs", type=positive, default=os.cpu_count() or 1, help="fits side by side"
    )
    add_models(recipes)
    recipes.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="where recipes.md is written (default: docs; MODELS/.trial for a trial run)",
    )
    recipes.set_defaults(command=_recipes)


def _recipes(options: argparse.Namespace) -> int:
    if options.run:
        return _run_recipes(options)
    found = {name: library.load(name) for name in library.names()}
    if options.json:
        print(json.dumps({name: each.model_dump() for name, each in found.items()}, indent=2))
        return 0
    width = max(map(len, found))
    for name, each in found.items():
        print(f"{name:{width}}  {each.title}")
    return 0


def _run_recipes(options: argparse.Namespace) -> int:
    known = library.with_data()
    names = known if options.run == "all" else options.run.split(",")
    for name in names:
        if name not in known:
            raise UsageError(
                f"no recipe {name!r} that names its data; there are {', '.join(known)}"
            )
    plan = recipe_runs.RunPlan(
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
    for row in recipe_runs.run(names, plan):
        rows.append(row)
        # again after each: a long run that is ended has written what it had
        recipe_report.write(rows, page, command)
    print(f"published {len(names)} models in {options.models}; wrote {page}")
    return 0
