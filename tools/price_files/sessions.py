"""The days on which exchanges traded: the service's tables, and what those have had wrong."""

from datetime import date, timedelta
from functools import cache
from typing import Final, NamedTuple

from app.market_data.exchange_calendars import find

EVERY_DAY: Final = "24/7"
WEEKDAYS: Final = "weekdays"

_FIRST: Final = date(2014, 1, 1)
_LAST: Final = date(2026, 12, 1)


def _days(*texts: str) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, texts))


_CLOSED: Final = {
    "XHKG": _days("2023-09-01", "2023-09-08"),  # a typhoon, and the rain a week later
    "XTAI": _days("2024-10-31"),  # a typhoon
}
_OPENED: Final = {
    # the hour of Diwali, budgets, and rehearsals of the second site
    "XBOM": _days(
        "2023-11-12", "2024-03-02", "2024-05-18", "2024-11-01", "2025-10-21", "2026-02-01"
    )
}
"""From the exchanges' own notices; a table that has them already is not changed by them."""


class Known(NamedTuple):
    """From when to when the sessions of an exchange are beyond doubt."""

    first: date = date(2017, 6, 1)
    last: date = date(2026, 10, 30)


_KNOWN: Final = {
    # earlier hours of Diwali are in no list that we trust, nor is that of November 2026
    "XBOM": Known(first=date(2022, 11, 1)),
    # closed for a month in 2022, which tables leave out; bars of weekends since 2025
    "XMOS": Known(date(2022, 4, 1), date(2024, 12, 20)),
    # sources differ on 31 October 2024
    "XTAE": Known(last=date(2024, 10, 24)),
    "XTAI": Known(first=date(2021, 1, 4)),
}


def known(calendar: str) -> Known:
    """Return from when to when files of a calendar are made."""
    return _KNOWN.get(calendar, Known())


@cache
def sessions(calendar: str) -> tuple[date, ...]:
    """Return the sessions of a calendar, oldest first, beyond what `known` says on both sides."""
    found, table = set(), find(calendar)
    day = table.next_session(_FIRST)
    while day is not None and day <= _LAST:
        found.add(day)
        day = table.next_session(day)
    return tuple(sorted((found | _OPENED.get(calendar, set())) - _CLOSED.get(calendar, set())))


def after(calendar: str, day: date) -> date:
    """Return the first session after a day."""
    return next(each for each in sessions(calendar) if each > day)


def days_between(first: date, last: date) -> list[date]:
    """Return every day from the first to the last."""
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]
