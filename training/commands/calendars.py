"""
`calendars`: the sessions of exchanges, from exchange_calendars into tables for the service.

See `app.market_data.exchange_calendars` for what a table holds. That library is right only where
its own needs are met:
beside pandas 3 its version 4.13 leaves out the Saturdays of Mumbai, Seoul and Moscow without a
word, and cannot make others at all. So it has an environment of its own (`make calendars`), and
what it says is compared with sessions that are known before anything is written. Single days on
which it is wrong all the same are in `calendar_corrections.toml`.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from app.market_data.exchange_calendars import INDEX, TABLES
from training.commands.calendar_corrections import corrected, corrections
from training.commands.options import Commands
from training.errors import TrainingError
from training.progress import track

FIRST: Final = date(1990, 1, 1)
MOST_BYTES: Final = 300_000
"""Of all tables."""

_KNOWN: Final = {
    # a Saturday each: the budget in Mumbai, the last year of Saturdays in Seoul, a moved one
    ("XBOM", date(2025, 2, 1)): True,
    ("XKRX", date(1998, 6, 6)): False,
    ("XKRX", date(1998, 6, 13)): True,
    ("XMOS", date(2016, 2, 20)): True,
    # Sundays ended in Tel Aviv with 2025
    ("XTAE", date(2025, 12, 28)): True,
    ("XTAE", date(2026, 1, 11)): False,
    # the day of mourning for a president, and the day after Christmas
    ("XNYS", date(2025, 1, 9)): False,
    ("XNYS", date(2025, 12, 26)): True,
    ("XLON", date(2025, 12, 26)): False,
}
_NOT_EXCHANGES: Final = {"24/5", "24/7", "us_futures"}


class WrongLibrary(TrainingError):
    """The library does not say what is known."""


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
    names = write(options.out, date.today())  # noqa: DTZ011 - a day more or less is none
    print(f"wrote the sessions of {len(names)} exchanges to {options.out}")
    return 0


def write(folder: Path, today: date) -> list[str]:
    """
    Write the table of every exchange that the library has, and the index; return their names.

    Tables reach from 1990, or from where the library begins, to the end of the year after
    `today`'s, or to where it ends. Raises LibraryWrong.
    """
    import exchange_calendars as library  # noqa: PLC0415 - in an environment of its own

    names = sorted(set(library.get_calendar_names(include_aliases=False)) - _NOT_EXCHANGES)
    tables = {}
    for name in track(names, "exchange"):
        tables[name] = table(library, name, FIRST, date(today.year + 1, 12, 31))
    check_known_sessions(tables)
    aliases = {
        alias.upper(): mic
        for alias, mic in sorted(library.calendar_utils._default_calendar_aliases.items())  # noqa: SLF001 - has no other way
        if mic in tables
    } | dict(corrections().aliases)
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "source": f"exchange_calendars {version('exchange_calendars')}",
        "exchanges": names,
        "aliases": dict(sorted(aliases.items())),
    }
    contents = {f"{name}.json": written for name, written in tables.items()} | {INDEX: index}
    texts = {file: json.dumps(content, indent=1) + "\n" for file, content in contents.items()}
    whole = sum(len(text.encode()) for text in texts.values())
    if whole > MOST_BYTES:
        raise TrainingError(f"the tables take {whole:,} bytes, more than {MOST_BYTES:,}")
    for file, text in texts.items():
        (folder / file).write_text(text)
    for stale in {path.name for path in folder.glob("*.json")} - texts.keys():
        (folder / stale).unlink()
    return names


def table(library: Any, name: str, first: date, last: date) -> dict[str, Any]:  # noqa: ANN401 - it ships no types
    """Return what the table of an exchange holds, with the corrections of its days."""
    import pandas as pd  # noqa: PLC0415 - with the library

    kind = type(library.get_calendar(name))
    earliest, latest = kind.bound_min(), kind.bound_max()
    begins = pd.Timestamp(first) if earliest is None else max(pd.Timestamp(first), earliest)
    ends = pd.Timestamp(last) if latest is None else min(pd.Timestamp(last), latest)
    found = library.get_calendar(name, start=begins, end=ends)
    sessions = corrected(name, {day.date() for day in found.sessions}, begins.date(), ends.date())
    all_days = [day.date() for day in pd.date_range(begins, ends)]
    by_weekday = Counter(day.weekday() for day in sessions)
    mostly = sum(by_weekday.values()) / 7 / 2
    weekdays = {weekday for weekday, times in by_weekday.items() if times > mostly}
    return {
        "exchange": name,
        "timezone": str(found.tz),
        "first": begins.date().isoformat(),
        "last": ends.date().isoformat(),
        "weekmask": "".join(str(int(weekday in weekdays)) for weekday in range(7)),
        "closed": _by_year(
            day for day in all_days if day.weekday() in weekdays and day not in sessions
        ),
        "opened": _by_year(day for day in sorted(sessions) if day.weekday() not in weekdays),
        "early_closes": _by_year(
            day.date() for day in found.early_closes if day.date() in sessions
        ),
    }


def _by_year(days: Iterable[date]) -> dict[str, str]:
    years: defaultdict[str, list[str]] = defaultdict(list)
    for day in days:
        years[str(day.year)].append(f"{day:%m%d}")
    return {year: " ".join(each_day) for year, each_day in years.items()}


def check_known_sessions(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise LibraryWrong where tables do not say what is known."""
    for (name, day), known in _KNOWN.items():
        if _is_in(tables[name], day) != known:
            raise WrongLibrary(
                f"exchange_calendars says that {day} was {'no' if known else 'a'} session of"
                f" {name}: it does not work beside this version of pandas; use `make calendars`"
            )


def _is_in(table: Mapping[str, Any], day: date) -> bool:
    written = f"{day:%m%d}"
    if written in table["opened"].get(str(day.year), "").split():
        return True
    is_regular = table["weekmask"][day.weekday()] == "1"
    return is_regular and written not in table["closed"].get(str(day.year), "").split()
