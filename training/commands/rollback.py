"""`rollback`: serve another published version."""

import argparse
import json

from training.commands.options import Commands, add_models, positive
from training.publishing import publish


def add(commands: Commands) -> None:
    """Add the command."""
    rollback = commands.add_parser(
        "rollback",
        help="serve another published version",
        description="Verify a published version as the service would, and make it the current one."
        " A running service follows within two seconds and drops no request; requests under way"
        " are answered by the version that they began with. Nothing is removed: the way back is"
        " the same command with the newer number.",
        epilog="`models` lists the versions. Exit status: 0 done, 2 no such version, 1 it is"
        " damaged or the folder cannot be written; then nothing has changed.",
    )
    rollback.add_argument("name", metavar="NAME", help="the model")
    rollback.add_argument(
        "version",
        metavar="VERSION",
        type=positive,
        nargs="?",
        help="default: the newest whole version below the current one",
    )
    add_models(rollback)
    rollback.add_argument("--json", action="store_true", help="print the outcome for machines")
    rollback.set_defaults(command=_rollback)


def _rollback(options: argparse.Namespace) -> int:
    version = publish.rollback(options.models, options.name, options.version)
    outcome = {"model": options.name, "version": version}
    text = f"version {version} of {options.name} is the current one"
    print(json.dumps(outcome) if options.json else text)
    return 0
