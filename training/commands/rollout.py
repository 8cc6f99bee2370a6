"""`rollout`: try a candidate on a share of the requests, or end that."""

import argparse
import json
from typing import Final, Literal

from app.artifact.rollout import Rollout
from training.commands.options import Commands, add_models, positive
from training.errors import UsageError
from training.publishing import publish

_SHARE: Final = 0.1


def add(commands: Commands) -> None:
    """Add the command."""
    rollout = commands.add_parser(
        "rollout",
        help="try a candidate version on a share of the requests, or end that",
        description="Put a published version beside the current one. As a canary it answers its"
        " share of the requests, the same ones always; with --shadow it only forecasts beside the"
        " current version, nobody sees it, and /metrics tells how far the two are apart. A running"
        " service follows within two seconds.",
        epilog="A trial from its beginning to its end: `rollout default --candidate 7 --share 0.05"
        " --shadow`, then without --shadow, then `rollback default 7`, which makes the candidate"
        " the current version, and `rollout default --end`. Exit status: 0 done, 2 wrong usage or"
        " no such version, 1 it is damaged or the folder cannot be written; then nothing has"
        " changed.",
    )
    rollout.add_argument("name", metavar="NAME", help="the model")
    what = rollout.add_mutually_exclusive_group(required=True)
    what.add_argument("--candidate", type=positive, metavar="V", help="the version on trial")
    what.add_argument("--end", action="store_true", help="let the current version answer alone")
    rollout.add_argument(
        "--share",
        type=_share,
        metavar="S",
        help=f"of the requests, above 0 and at most 1 (default: {_SHARE})",
    )
    rollout.add_argument(
        "--shadow", action="store_true", help="measure the candidate, never answer with it"
    )
    add_models(rollout)
    rollout.add_argument("--json", action="store_true", help="print the outcome for machines")
    rollout.set_defaults(command=_rollout)


def _share(text: str) -> float:
    """Read a share above 0 and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, was {value}")
    return value


def _rollout(options: argparse.Namespace) -> int:
    name = options.name
    if options.end:
        if options.share or options.shadow:
            raise UsageError("--end goes without --share and --shadow")
        publish.end_rollout(options.models, name)
        text, rollout = f"the current version of {name} answers alone", None
    else:
        mode: Literal["canary", "shadow"] = "shadow" if options.shadow else "canary"
        share = options.share or _SHARE
        rollout = Rollout(candidate=options.candidate, mode=mode, share=share)
        publish.roll_out(options.models, name, rollout)
        does = "forecasts unseen beside" if options.shadow else "answers"
        text = f"version {rollout.candidate} of {name} {does} {share:.4g} of the requests"
    if options.json:
        text = json.dumps({"model": name, "rollout": rollout and rollout.model_dump()})
    print(text)
    return 0
