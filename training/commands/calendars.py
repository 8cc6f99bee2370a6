"""`calendars`: the sessions of exchanges, written for the service to read."""

import argparse
from datetime import date
from pathlib import Path

from app.market_data.exchange_calendars.calendar import TABLES
from training.commands.options import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    calendars = commands.add_parser(
        "calendars",
        help="write the tables of exchanges' sessions that the service reads",
        description="Write a small table of sessions for every exchange that the library"
        " exchange_calendars knows, from 1990 to the end of next year or as far as it reaches."
        " Run it by `make calendars`, in an environment in which that library works: beside"
        " pandas 3 it leaves out sessions. Do so once a year, and whenever an exchange announces"
        " a change.",
    )
    calendars.add_argument(
        "--out",
        type=Path,
        default=TABLES,
        metavar="DIR",
        help="where the tables are written (default: the service's own)",
    )
    calendars.set_defaults(command=_calendars)


def _calendars(options: argparse.Namespace) -> int:
    from training import calendars  # noqa: PLC0415 - needs what other commands do not

    names = calendars.write(options.out, date.today())  # noqa: DTZ011 - a day more or less is none
    print(f"wrote the sessions of {len(names)} exchanges to {options.out}")
    return 0
