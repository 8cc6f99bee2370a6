"""What the dates of a history say, and its calendar: which session is forecast, and what lacks."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from app.errors import BadDate
from app.market_data import bar_frequency
from app.market_data.anomalies import DataWarning
from app.market_data.exchange_calendars import Calendar, Days, find, without_exchange

_LONGEST_CLOSURE: Final = 13
"""
Days from session to session: 11 in Tokyo (2019) and Seoul (2017), 12 in Taipei (most New Years),
13 in Shanghai (2004).
"""


_RUN: Final = 20
"""Days that a history must have before it can prove a calendar wrong."""
_DIFFERENCES: Final = 4
"""Rows at which the two differ, at least, and at least this share of the run:"""
_SHARE: Final = 0.025
_STRANGE: Final = 2
"""Of them, days that are no sessions: no vendor invents those, while any may leave some out."""
_SHARE_MISSING: Final = 0.1
"""The share from which days that are only left out prove it too, as every weekend of `24/7`."""


class DateReport(NamedTuple):
    """What is known of when a history was."""

    forecast_date: date | None
    """The session after it; None without a calendar, and where that does not know or disagrees."""
    sessions_missing: int | None
    """
    Sessions of the calendar between the first and the last of the history, not in it; None without
    a calendar that agrees with the rest of it.
    """
    warnings: tuple[DataWarning, ...]
    newest: date | None = None
    """The day of the newest session."""


_A_DAY: Final = timedelta(days=1)
_MOST: Final = 5
"""Warnings of one kind: who has more of them has a file that is wrong throughout."""

NO_DATES: Final = DateReport(None, None, ())


def check_dates(dates: list[date] | None, calendar: str | None, sessions: int) -> DateReport:
    """
    Check the dates of a history of so many sessions, oldest first.

    Raises BadDate where they are not one for each session, or do not rise, and NoSuchCalendar.
    """
    known = None if calendar is None else find(calendar)
    if not sessions:
        # prices that are not there are refused for that
        return NO_DATES
    if dates is None:
        if known is None:
            return NO_DATES
        message = "a calendar says nothing without dates: `forecast_date` needs one for each row"
        return DateReport(None, None, (DataWarning("no_dates", message),))
    if len(dates) != sessions:
        raise BadDate(
            f"dates must hold one for each of the {sessions} sessions, was given {len(dates)}",
            field="dates",
        )
    warnings = _of_the_future(dates)
    frequency = bar_frequency.longer_than_daily(dates)
    if frequency is not None:
        raise BadDate(f"these dates are of {frequency} bars; send daily ones", field="dates")
    if known is None:
        return DateReport(None, None, (*_gaps(_rising(dates)), *warnings), dates[-1])
    missing: int | None = 0
    # hardly ever, and much slower
    if not known.holds(dates):
        missing, found = _held_against(_rising(dates), known)
        warnings += found
        if missing is None:
            # nor does it know what comes next
            return DateReport(None, None, tuple(warnings), dates[-1])
    after = known.next_session(dates[-1])
    if after is None:
        message = (
            f"the calendar {known.name} is known from {known.first} to {known.last}, and not which"
            " session comes after these dates"
        )
        warnings.append(DataWarning("calendar_ends", message, sessions - 1))
    return DateReport(after, missing, tuple(warnings), dates[-1])


def _rising(dates: list[date]) -> Days:
    """Return dates as an array; raise BadDate where one is not after the one before it."""
    days = np.array(dates, "datetime64[D]")
    steps = days[1:] <= days[:-1]
    if steps.any():
        row = int(steps.argmax()) + 1
        fault = "is the same day as" if days[row] == days[row - 1] else "is before"
        raise BadDate(
            f"dates[{row}] {fault} the one before it; give each session once, oldest first;"
            " rows count from 0",
            field="dates",
            index=row,
        )
    return days


def _of_the_future(dates: list[date]) -> list[DataWarning]:
    # it may be tomorrow already where the exchange is
    latest = datetime.now(UTC).date() + _A_DAY
    if dates[-1] <= latest:
        return []
    row = bisect_right(dates, latest)
    return [DataWarning("future_date", f"{dates[row]} has not been yet, nor what follows", row)]


def _gaps(days: Days) -> list[DataWarning]:
    """Tell of gaps that no exchange's holidays make."""
    lengths = (days[1:] - days[:-1]).astype(np.int64)
    rows = np.flatnonzero(lengths > _LONGEST_CLOSURE) + 1
    return [
        DataWarning("gap", f"{lengths[row - 1]} days lie between this row and the one before", row)
        for row in rows[:_MOST].tolist()
    ]


def _held_against(days: Days, calendar: Calendar) -> tuple[int | None, list[DataWarning]]:
    """
    Count the sessions that are missing, and tell where, and which days are none.

    The count is None where the two differ so often that it is the calendar that is wrong.
    """
    places, are_sessions = calendar.places(days)
    inside = (days >= np.datetime64(calendar.first, "D")) & (
        days <= np.datetime64(calendar.last, "D")
    )
    strange = np.flatnonzero(~are_sessions & inside)
    # a day that is no session stands where the next one does, and takes no place itself
    lacking = places[1:] - places[:-1] - are_sessions[:-1]
    holes = np.flatnonzero(lacking > 0)
    missing = int(lacking[holes].sum())
    if _is_wrong(int(np.count_nonzero(inside)), len(strange), len(holes)):
        differences = []
        if len(strange):
            first = _weekday(days[strange[0]].item())
            differences.append(f"{len(strange)} are none of its sessions, first {first}")
        if len(holes):
            first = f"after {days[holes[0]]}"
            differences.append(f"{missing} of its sessions are not among them, first {first}")
        fits = without_exchange(days)
        message = (
            f"the calendar {calendar.name} is likely the wrong one, or wrong: of {len(days)} days"
            f" {'; '.join(differences)}{f'; these days are those of `{fits}`' if fits else ''}"
        )
        return None, [DataWarning("calendar_disagrees", message)]
    warnings = [
        DataWarning(
            "not_a_session", f"{_weekday(days[row].item())}, was no session of {calendar.name}", row
        )
        for row in strange[:_MOST].tolist()
    ]
    for row in holes[:_MOST].tolist():
        message = (
            f"{lacking[row]} session(s) of {calendar.name} are missing before this row,"
            f" after {days[row]}"
        )
        warnings.append(DataWarning("sessions_missing", message, row + 1))
    return missing, warnings


def _is_wrong(run: int, strange: int, holes: int) -> bool:
    """Tell whether a run of days differs from its calendar as no damaged history does."""
    differences = strange + holes
    if run < _RUN or differences < max(_DIFFERENCES, _SHARE * run):
        return False
    return strange >= _STRANGE or holes >= _SHARE_MISSING * run


def _weekday(day: date) -> str:
    return f"{day}, a {day:%A}"
