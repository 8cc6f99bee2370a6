"""
Which session comes next: tables of exchanges' sessions, each read when it is first asked for.

A table is a file of calendar_tables, written by `python -m training calendars`: the weekdays of
trading, the days on which it was closed all the same, and the few others on which it was not.
Outside the days that a table knows nothing is said.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.errors import NoSuchCalendar

Days: TypeAlias = NDArray[np.datetime64]
"""Of the unit `datetime64[D]`."""

TABLES: Final = Path(__file__).parent / "calendar_tables"
INDEX: Final = "index.json"

_EVERY_DAY: Final = "24/7"
_WEEKDAYS: Final = "weekdays"
_WEEKMASKS: Final = {_EVERY_DAY: "1111111", _WEEKDAYS: "1111100"}
"""Of what has no exchange: such a calendar has no holidays."""
_FIRST: Final = date(1900, 1, 1)
_LAST: Final = date(2099, 12, 31)


class Index(NamedTuple):
    """What there is."""

    exchanges: tuple[str, ...]
    """By their MIC (ISO 10383), in order."""
    aliases: Mapping[str, str]
    """Other names, in capitals, of an exchange each."""
    source: str
    """The library and its version that the tables are from."""


class Calendar:
    """The sessions of one exchange, over the days that are known."""

    def __init__(
        self, name: str, sessions: Days, early_closes: Days, first: date, last: date
    ) -> None:
        """Take sorted sessions, those of them that end early, and the days they are known of."""
        self.name = name
        self.timezone = "UTC"
        """Where the exchange is, by its name in the IANA database."""
        self.first = first
        """The first day that is known, a session or not."""
        self.last = last
        self._days = sessions
        self._sessions: list[date] = sessions.tolist()
        self._early_closes: list[date] = early_closes.tolist()

    def next_session(self, day: date) -> date | None:
        """Return the first session after a day; None where that is not known."""
        if not self.first <= day <= self.last:
            return None
        at = bisect_right(self._sessions, day)
        return self._sessions[at] if at < len(self._sessions) else None

    def early_closes(self, after: date) -> list[date]:
        """Return the sessions after a day that end early."""
        return self._early_closes[bisect_right(self._early_closes, after) :]

    def holds(self, dates: list[date]) -> bool:
        """Tell whether dates are sessions that follow each other, without a gap."""
        at = bisect_left(self._sessions, dates[0])
        return self._sessions[at : at + len(dates)] == dates

    def places(self, days: Days) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """
        Return where days (n,) stand among all sessions, and which of them are sessions.

        Two sessions that follow each other stand one apart. A day that is none stands where the
        next session does.
        """
        at = self._days.searchsorted(days)
        return at, self._days[np.minimum(at, len(self._days) - 1)] == days


@cache
def index() -> Index:
    """Return what there is; nothing but a list is read for it."""
    listed = json.loads((TABLES / INDEX).read_bytes())
    return Index(tuple(listed["exchanges"]), listed["aliases"], listed["source"])


def find(name: str) -> Calendar:
    """Return the calendar of an exchange, by MIC or alias; raise NoSuchCalendar."""
    if name.lower() in _WEEKMASKS:
        return _without_exchange(name.lower())
    listed = index()
    upper = name.upper()
    mic = listed.aliases.get(upper, upper)
    # nothing but what is listed is read, or kept
    if mic not in listed.exchanges:
        raise NoSuchCalendar
    return _read(mic)


def without_exchange(days: Days) -> str | None:
    """Return which calendar without an exchange has just these days, that rise; None: none has."""
    for name, weekmask in _WEEKMASKS.items():
        between = np.busday_count(days[0], days[-1] + np.timedelta64(1, "D"), weekmask)
        if between == len(days) and np.is_busday(days, weekmask).all():
            return name
    return None


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an exchange, UTC of what has none; raise NoSuchCalendar."""
    return ZoneInfo(find(name).timezone)


@cache
def _read(mic: str) -> Calendar:
    return of_table(json.loads((TABLES / f"{mic}.json").read_bytes()))


def of_table(table: Mapping[str, Any]) -> Calendar:
    """Make a calendar of what a file holds."""
    first, last = (date.fromisoformat(table[end]) for end in ("first", "last"))
    regular = np.busdaycalendar(table["weekmask"], _days(table["closed"]))
    all_days = _range(first, last)
    sessions = all_days[np.is_busday(all_days, busdaycal=regular)]
    calendar = Calendar(
        table["exchange"],
        np.sort(np.concatenate([sessions, _days(table["opened"])])),
        _days(table["early_closes"]),
        first,
        last,
    )
    calendar.timezone = table["timezone"]
    return calendar


def _days(by_year: Mapping[str, str]) -> Days:
    """Read days that are written as `{"2026": "0101 0119"}`."""
    texts = [
        f"{year}-{day[:2]}-{day[2:]}" for year, days in by_year.items() for day in days.split()
    ]
    return np.array(texts, "datetime64[D]")


def _range(first: date, last: date) -> Days:
    day = np.timedelta64(1, "D")
    return np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + day, day)


@cache
def _without_exchange(name: str) -> Calendar:
    days = _range(_FIRST, _LAST)
    sessions = days[np.is_busday(days, weekmask=_WEEKMASKS[name])]
    return Calendar(name, sessions, np.array([], "datetime64[D]"), _FIRST, _LAST)
