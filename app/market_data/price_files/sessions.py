"""The rows of a file as sessions: each day once, oldest first, and bars of a day each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.errors import BadTable
from app.market_data import bar_frequency
from app.market_data.anomalies import DataWarning
from app.market_data.price_files import instruments
from app.market_data.price_files.cells import dates

_SATURDAY: Final = 5
_SUNDAY: Final = 6
_AN_HOUR: Final = 60
_LEAST_ROWS: Final = 10
"""That tell which time of day is a file's own."""


class Dated(NamedTuple):
    """The days of rows, in the order of the file."""

    days: list[date]
    form: str
    warnings: list[DataWarning]


def days_of(cells: Sequence[tuple[int, str]], unit: str) -> list[date]:
    """Read dates as they are written; raise BadTable."""
    return dates.read(cells, unit).days


def dated(
    cells: Sequence[tuple[int, str]],
    times: Sequence[str] | None,
    zone: ZoneInfo | None,
    unit: str,
) -> Dated:
    """
    Read the dates of rows, each with its line; `times` are those of another column.

    A moment with an offset is of the day that it has in `zone`, the exchange's; without one its
    own day is taken, with a warning where that may be the day before. Raises BadTable where dates
    cannot be read, and where bars are not daily.
    """
    stamps = dates.read(cells, unit)
    clocks = times if times is not None else stamps.times
    days, warnings = stamps.days, list[DataWarning]()
    if stamps.moments is not None and times is None:
        days, warnings = _local(stamps.moments, zone)
    elif times is None and stamps.times is not None and zone is None:
        warnings = _shifted(days, stamps.times)
    if stamps.is_inferred:
        message = (
            f"the dates were read as {stamps.form}, since they follow each other so; nothing else"
            " tells the day from the month: write 2026-01-31"
        )
        warnings.append(DataWarning("date_order_inferred", message))
    if clocks is not None:
        minutes = [dates.minutes_of(clock) for clock in clocks]
        shorter = bar_frequency.shorter_than_daily(days, minutes)
        if shorter is not None:
            raise BadTable(f"these are {shorter} bars; send daily ones")
        warnings += _unfinished(days, minutes, [line for line, _ in cells], unit)
    return Dated(days, stamps.form, warnings)


def _local(
    moments: Sequence[datetime], zone: ZoneInfo | None
) -> tuple[list[date], list[DataWarning]]:
    own = [moment.date() for moment in moments]
    if all(moment.time() == time.min for moment in moments):
        # a day and no moment, whatever the offset
        return own, []
    if zone is not None:
        return [moment.astimezone(zone).date() for moment in moments], []
    weekdays = Counter(day.weekday() for day in own)
    has_friday = weekdays[_SATURDAY - 1] > 0 or len(own) < _SATURDAY
    if has_friday and not weekdays[_SUNDAY] and not weekdays[_SATURDAY]:
        return own, []
    is_every_day = len(weekdays) == _SUNDAY + 1 and 2 * min(weekdays.values()) >= weekdays[0]
    if is_every_day and all(moment.utcoffset() == UTC.utcoffset(None) for moment in moments):
        # traded every day: its days are those of UTC
        return own, []
    message = (
        f"time stamps were taken for their own day, as {moments[-1].isoformat()} for {own[-1]}, and"
        " their weekdays are not those of an exchange there: give `calendar`"
    )
    return own, [DataWarning("time_zone_unknown", message)]


def _shifted(days: Sequence[date], clocks: Sequence[str]) -> list[DataWarning]:
    """Warn of times without an offset that are of another place's day: Sundays, and no Friday."""
    weekdays = Counter(day.weekday() for day in days)
    is_midnight = not any(dates.minutes_of(clock) for clock in clocks)
    if is_midnight or len(days) < _LEAST_ROWS or weekdays[_SATURDAY - 1] or not weekdays[_SUNDAY]:
        return []
    message = (
        "time stamps have no offset, and their weekdays are Sunday to Thursday: days of another"
        " zone, perhaps; write the days of the exchange"
    )
    return [DataWarning("time_zone_unknown", message)]


def _unfinished(
    days: Sequence[date], minutes: Sequence[int | None], lines: Sequence[int], unit: str
) -> list[DataWarning]:
    """Warn of a newest row with another time of day than all others: a bar still under way."""
    row = max(range(len(days)), key=lambda at: (days[at], minutes[at] or 0))
    others = {minute for at, minute in enumerate(minutes) if at != row}
    mine = minutes[row]
    # one time, and another in summer
    if mine is None or None in others or len(others) > 2 or len(days) < _LEAST_ROWS:  # noqa: PLR2004
        return []
    apart = [abs(mine - other) for other in others if other is not None]
    # an hour is what summer time moves
    if 0 in apart or _AN_HOUR in apart or 24 * 60 - _AN_HOUR in apart:
        return []
    message = (
        f"{unit} {lines[row]} ({days[row]}), the newest, has another time of day than all others:"
        " its bar may not have ended"
    )
    return [DataWarning("unfinished_bar", message)]


def in_order(  # noqa: PLR0913 - a row in all its columns
    days: Sequence[date],
    lines: Sequence[int],
    columns: Mapping[str, Sequence[float]],
    volumes: Sequence[float] | None,
    unit: str,
    *,
    is_flawed: bool = False,
) -> tuple[list[int], list[DataWarning]]:
    """
    Return the rows, oldest first and each date once, and say where a file was otherwise.

    What `is_flawed` may keep a date twice, in the order of the file. Raises BadTable where bars are
    not daily, and where they are those of several instruments.
    """
    warnings: list[DataWarning] = []
    steps = list(pairwise(days))
    if all(first < second for first, second in steps):
        order = list(range(len(days)))
    elif all(first > second for first, second in steps):
        order = list(range(len(days) - 1, -1, -1))
    else:
        order, warnings = instruments.check_days(days, lines, list(columns.values()), unit)
        warnings += _unsorted(steps, lines, unit)
        if is_flawed:
            order = sorted(range(len(days)), key=days.__getitem__)
    longer = bar_frequency.longer_than_daily([days[row] for row in order])
    if longer is not None:
        raise BadTable(f"these are {longer} bars; send daily ones")
    warnings += _without_volume(order, days, lines, volumes, unit)
    return order, warnings


def _unsorted(
    steps: Sequence[tuple[date, date]], lines: Sequence[int], unit: str
) -> list[DataWarning]:
    falls = sum(first > second for first, second in steps)
    rises = sum(first < second for first, second in steps)
    if not falls or not rises:
        return []
    # against the order that most of the file has
    row = next(
        row
        for row, (first, second) in enumerate(steps, 1)
        if (first > second if rises > falls else first < second)
    )
    message = f"the dates are not in order, first at {unit} {lines[row]}: they were sorted"
    return [DataWarning("unsorted_dates", message)]


def _without_volume(
    order: Sequence[int],
    days: Sequence[date],
    lines: Sequence[int],
    volumes: Sequence[float] | None,
    unit: str,
) -> list[DataWarning]:
    """Warn of a newest bar that nothing was traded in, where every other one has a volume."""
    if volumes is None or len(order) < 2 or volumes[order[-1]] > 0:  # noqa: PLR2004
        return []
    if not all(volumes[row] > 0 for row in order[:-1]):
        return []
    row = order[-1]
    message = (
        f"{unit} {lines[row]} ({days[row]}), the newest, is the only one without a volume: its bar"
        " may not have ended"
    )
    return [DataWarning("unfinished_bar", message)]
