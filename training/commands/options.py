"""What several commands take."""

import argparse
from pathlib import Path
from typing import TypeAlias

# argparse has no public name for what its subparsers are
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def positive(text: str) -> int:
    """Read a whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, was {value}")
    return value


def add_instrument_column(parser: argparse.ArgumentParser) -> None:
    """Take the column that names instruments."""
    parser.add_argument(
        "--instrument-column",
        metavar="HEAD",
        help="the column that names instruments, where files hold many below each other; in a"
        " folder with a single file it is found by itself (Symbol, Ticker, Name ..)",
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """Take the folder of published models."""
    parser.add_argument(
        "--models", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Take the seed of all that is random."""
    parser.add_argument("--seed", type=int, default=1, help="default: 1")


def add_work(parser: argparse.ArgumentParser, default: str = ".backtest") -> None:
    """Take the folder in which unfinished work is kept."""
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help=f"where forecasts are kept, for a run that was interrupted (default: {default})",
    )
