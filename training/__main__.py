"""
The command line.

    python -m training recipes
    python -m training fit --recipe fb-lstm45 --train FB.csv --test FB_test.csv --name fb
    python -m training backtest --recipe global-ohlc --data prices/ --docs docs
    python -m training retrain --config retrain.toml
    python -m training models
    python -m training rollback default
    python -m training rollout default --candidate 7 --share 0.05 --shadow
    python -m training calendars
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

from training.errors import TrainingError, UsageError
from training.progress import say

_COMMANDS: Final = (
    *("recipes", "fit", "backtest", "retrain"),
    *("models", "rollback", "rollout", "calendars"),
)
"""Modules of training.commands, in the order of `--help`."""

_FAILED: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 3 the incumbent was kept, 2 usage, 1 failed."""
    # TensorFlow's start-up notes say nothing to who fits a model
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # noqa: TID251 - written, not read
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    options = _parser(sys.argv[1:] if arguments is None else arguments).parse_args(arguments)
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


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Fit networks on daily prices, judge them, and publish them for the service.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # no more than is asked for: what fits networks takes seconds to import
    for name in arguments[:1] if arguments and arguments[0] in _COMMANDS else _COMMANDS:
        importlib.import_module(f"training.commands.{name}").add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
