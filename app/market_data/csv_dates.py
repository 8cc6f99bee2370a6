"""Dates as vendors write them: one form in a file, found from all of it, never guessed."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

from app.errors import BadTable

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_CENTURY_FROM: Final = 70
"""Years of two digits from here are of the last century, as POSIX has it (strptime, %y)."""
_TWO_DIGITS: Final = 100


class _Form(NamedTuple):
    """A way to write dates."""

    name: str
    pattern: re.Pattern[str]
    parts: str
    """What its groups are: y, m, d, b (a month by name)."""


# a time of day may follow: midnight, or the close
_TIME: Final = r"(?:[T ]\d{1,2}:\d{2}.*)?"
_FORMS: Final = (
    _Form("2026-01-31", re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + _TIME), "ymd"),
    _Form("2026/01/31", re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})" + _TIME), "ymd"),
    _Form("20260131", re.compile(r"(\d{4})(\d{2})(\d{2})"), "ymd"),
    _Form("31.01.2026", re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})" + _TIME), "dmy"),
    _Form("01/31/2026", re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})" + _TIME), "mdy"),
    _Form("31/01/2026", re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})" + _TIME), "dmy"),
    _Form("01-31-2026", re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4}|\d{2})"), "mdy"),
    _Form("31-01-2026", re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4}|\d{2})"), "dmy"),
    _Form("Jan 31, 2026", re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})"), "bdy"),
    _Form(
        "31 Jan 2026", re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*\.?[- ](\d{4}|\d{2})"), "dby"
    ),
)


def dates_of(cells: Sequence[tuple[int, str]]) -> list[date]:
    """
    Read the dates of a file, each with its line; raise BadTable where they are of no one form.

    Whether 03/04/2026 is in March or April is told by the other lines: by one with a number above
    12, or else by which of them lets the dates run on day by day.
    """
    first_line, first = cells[0]
    # of that form, whether or not there is such a day: the line at fault is told below
    forms = [form for form in _FORMS if form.pattern.fullmatch(first)]
    if not forms:
        raise BadTable(f"line {first_line}: this date is of no form known here; write 2026-01-31")
    tried = [(form, *_tried(form, cells)) for form in forms]
    whole = [(form, days) for form, days, failed in tried if failed is None]
    if not whole:
        form, _, failed = max(tried, key=lambda one: one[2] or 0)
        line, _ = cells[failed or 0]
        raise BadTable(
            f"line {line}: this date is not written like those before it ({form.name}); use one"
            " form throughout, best 2026-01-31"
        )
    if len(whole) == 1:
        return whole[0][1]
    # the same days either way, or the one in which they follow each other
    by_span = sorted(whole, key=lambda one: _disorder(one[1]))
    (_, best), (_, other) = by_span[:2]
    if best != other and _disorder(best) == _disorder(other):
        raise BadTable("these dates can be read as day/month or month/day; write 2026-01-31")
    return best


def _tried(form: _Form, cells: Sequence[tuple[int, str]]) -> tuple[list[date], int | None]:
    """Read cells by one form; also return the first that it does not fit."""
    days: list[date] = []
    for row, (_, cell) in enumerate(cells):
        day = _read(form, cell)
        if day is None:
            return days, row
        days.append(day)
    return days, None


def _read(form: _Form, cell: str) -> date | None:
    found = form.pattern.fullmatch(cell)
    if found is None:
        return None
    parts = dict(zip(form.parts, found.groups(), strict=True))
    year = int(parts["y"])
    if len(parts["y"]) == 2:  # noqa: PLR2004 - digits
        year += 1900 if year >= _CENTURY_FROM else 2000
    month = _MONTHS.get(parts["b"].lower()) if "b" in parts else int(parts["m"])
    try:
        return date(year, month or 0, int(parts["d"]))
    except ValueError:
        return None


def _disorder(days: Sequence[date]) -> int:
    """Return how far apart neighbours lie, in days, altogether: little where they are sessions."""
    return sum(abs((two - one).days) for one, two in pairwise(days))
