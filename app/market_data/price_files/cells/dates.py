"""
Dates as vendors write them: one form in a file, found from all of it, never guessed.

Also time stamps, seconds and their fractions since 1970, and the days that Excel counts.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from app.errors import BadTable

_MONTHS: Final = {
    # as `month_of` compares them, for which й is a letter with an accent
    name.replace("й", "и"): number
    for number, names in enumerate(
        (
            "jan gen ene sty oca tammi янв",
            "feb fev feve fevr lut sub helmi фев",
            "mar mars marz mart maart maerz mrt maalis мар",
            "apr avr abr kwi nis huhti апр",
            "may mai maj mag mei touko май мая",
            "jun juin giu cze haz kesa июн",
            "jul juil lug lip tem heina июл",
            "aug ago aou aout sie agu elo авг",
            "sep set wrz eyl syys сен",
            "oct okt ott out paz eki loka окт",
            "nov lis kas marras noy ноя",
            "dec dez dic gru ara des joulu дек",
        ),
        1,
    )
    for name in names.split()
}
_FAR: Final = 15
"""Times as far apart as the days of the better reading: those of the other are none."""
_CENTURY_FROM: Final = 70
"""Years of two digits from here are of the last century, as POSIX has it (strptime, %y)."""
_EPOCH: Final = date(1970, 1, 1)
_EXCEL: Final = date(1899, 12, 30)
"""Day 0 of Excel's count, which has a 29 February 1900 that never was."""
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2099

# a time of day may follow, with fractions, AM or PM, and an offset or the name of UTC
_TIME: Final = (
    r"(?:(?:[T ]|, )(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)"
    r" ?(Z|UTC|(?:UTC|GMT)?[+-]\d{2}:?(?:\d{2})?(?::\d{2})?|GMT|[A-Z]{2,5}"
    r"|\[?[A-Z][a-z]+/[A-Za-z_]+\]?)?)?"
)
_DAY_NAME: Final = r"(?:[^\W\d_]{2,12}\.?,? )?"
_MONTH: Final = r"([^\W\d_]{3,12})\.?"


class _Form(NamedTuple):
    """A way to write dates."""

    name: str
    pattern: re.Pattern[str]
    parts: str
    """What its first groups are: y, m, d, b (a month by name)."""


def _form(name: str, pattern: str, parts: str) -> _Form:
    return _Form(name, re.compile(pattern + _TIME), parts)


_FORMS: Final = (
    _form("2026-01-31", r"(\d{4})-(\d{1,2})-(\d{1,2})", "ymd"),
    _form("2026/01/31", r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "ymd"),
    _form("2026. 01. 31.", r"(\d{4})\. ?(\d{1,2})\. ?(\d{1,2})\.?", "ymd"),
    _form("2026年01月31日", r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]", "ymd"),
    _form("20260131", r"(\d{4})(\d{2})(\d{2})(?:T?0{6})?", "ymd"),
    _form("31.01.2026", r"(\d{1,2})\. ?(\d{1,2})\. ?(\d{4}|\d{2})", "dmy"),
    _form("26.01.31", r"(\d{2})\. ?(\d{1,2})\. ?(\d{1,2})\.?", "ymd"),
    _form("01/31/2026", r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", "mdy"),
    _form("31/01/2026", r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", "dmy"),
    _form("26/01/31", r"(\d{2})/(\d{1,2})/(\d{1,2})", "ymd"),
    _form("01-31-2026", r"(\d{1,2})-(\d{1,2})-(\d{4}|\d{2})", "mdy"),
    _form("31-01-2026", r"(\d{1,2})-(\d{1,2})-(\d{4}|\d{2})", "dmy"),
    _form("26-01-31", r"(\d{2})-(\d{1,2})-(\d{1,2})", "ymd"),
    _form(
        "Jan 31, 2026", _DAY_NAME + _MONTH + r"[ -](\d{1,2})(?:st|nd|rd|th)?,?[ -](\d{4})", "bdy"
    ),
    _form(
        "31 Jan 2026",
        _DAY_NAME + r"(\d{1,2})(?:st|nd|rd|th|er|º|\.)?[- /]?(?:de )?" + _MONTH
        + r"[- /]?(?:de )?(\d{4}|\d{2})",
        "dby",
    ),
    _form("2026-Jan-31", r"(\d{4})[- /]" + _MONTH + r"[- /](\d{1,2})", "ybd"),
)  # fmt: skip
_iso: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_time: Final = re.compile(
    r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?|\d{6}|0{1,6}|\d{1,2}h\d{2}"
)
_count: Final = re.compile(
    r"-?\d{5,19}(?:\.0*)?|\d{9,10}\.\d+|\d{5}\.\d+|\d(?:\.\d+)?[eE]\+?(?:9|12|15|18)"
)
_month: Final = re.compile(
    r"\d{4}[-/.]?(?:0?[1-9]|1[0-2])|(?:0[1-9]|1[0-2])/\d{4}|\d{4}-?Q[1-4]"
    r"|[^\W\d_]{3,9}\.?[ -](?:\d{4}|\d{2})"
)
_TICKS: Final = {9: 1, 10: 1, 12: 1000, 13: 1000, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}
"""A second's parts by the digits of a count since 1970: 9 are until 2001."""
_EXCEL_DAYS: Final = (14_000, 73_000)
"""1938 to 2099."""


class Stamps(NamedTuple):
    """The dates of a file's rows, with the times of day where it gives them."""

    days: list[date]
    """As they are written; of moments (`moments`) the day where their offset counts."""
    form: str
    """The form that they have, by example."""
    moments: list[datetime] | None = None
    """With an offset each, where stamps have one: epochs have that of UTC."""
    times: list[str] | None = None
    """Times of day as they are written, empty where a row has none."""
    is_inferred: bool = False
    """Whether nothing but how they follow each other tells the day from the month."""


def is_date(cell: str) -> bool:
    """Tell whether a cell is a date that cannot be anything else, a number of days for one."""
    return is_written(cell) or _is_epoch(cell)


def is_written(cell: str) -> bool:
    """Tell whether a cell is a date with a year, a month and a day."""
    return any(form.pattern.fullmatch(cell) and _read(form, cell) is not None for form in _FORMS)


def is_time(cell: str) -> bool:
    """Tell whether a cell is a time of day."""
    return _time.fullmatch(cell) is not None


def is_month(cell: str) -> bool:
    """Tell whether a cell is a month or a quarter, without a day."""
    return _month.fullmatch(cell) is not None


def is_count(cell: str) -> bool:
    """Tell whether a cell may be a date as a number: since 1970, or as Excel counts."""
    return _count.fullmatch(cell) is not None and _of_count(cell) is not None


def _is_epoch(cell: str) -> bool:
    return is_count(cell) and len(cell.partition(".")[0]) > len("45385")


def read(cells: Sequence[tuple[int, str]], unit: str = "line") -> Stamps:
    """
    Read the dates of a file, each with its line; raise BadTable where they are of no one form.

    Whether 03/04/2026 is in March or April is told by the other lines: by one with a number above
    12, or else by which of them lets the dates run on day by day.
    """
    if all(len(cell) == 10 and _iso.fullmatch(cell) for _, cell in cells):  # noqa: PLR2004
        try:
            return Stamps([date.fromisoformat(cell) for _, cell in cells], "2026-01-31")
        except ValueError:
            pass
    first_line, first = cells[0]
    # of that form, whether or not there is such a day: the line at fault is told below
    forms = [form for form in _FORMS if form.pattern.fullmatch(first)]
    if is_count(first) and (not forms or _read(forms[0], first) is None):
        return _counted(cells, unit)
    if not forms:
        if is_month(first):
            raise BadTable(f"{unit} {first_line} has a month for a date: these are monthly bars")
        raise BadTable(f"{unit} {first_line}: this date is of no form known here; write 2026-01-31")
    tried = [(form, *_tried(form, cells)) for form in forms]
    whole = [(form, found) for form, found, failed in tried if failed is None]
    if not whole:
        form, _, failed = max(tried, key=lambda one: one[2] or 0)
        line, _ = cells[failed or 0]
        raise BadTable(
            f"{unit} {line}: this date is not written like those before it ({form.name}); use one"
            " form throughout, best 2026-01-31"
        )
    # the same days either way, or the one in which they follow each other
    by_span = sorted(whole, key=lambda one: _disorder([moment.day for moment in one[1]]))
    form, best = by_span[0]
    days = [moment.day for moment in best]
    others = [[moment.day for moment in other] for _, other in by_span[1:]]
    if any(other != days and _disorder(other) == _disorder(days) for other in others):
        raise BadTable("these dates can be read as day/month or month/day; write 2026-01-31")
    return _stamps(days, best, form.name)._replace(
        is_inferred=any(
            other != days and _disorder(other) < _FAR * _disorder(days) for other in others
        )
    )


class _Moment(NamedTuple):
    day: date
    time: str
    offset: str


def _stamps(days: list[date], moments: Sequence[_Moment], form: str) -> Stamps:
    times = [moment.time for moment in moments]
    if not any(times):
        return Stamps(days, form)
    offsets = [_offset(moment.offset) for moment in moments]
    if any(offset is None for offset in offsets):
        return Stamps(days, form, times=times)
    return Stamps(
        days,
        form,
        [
            datetime.combine(moment.day, _clock(moment.time), offset)
            for moment, offset in zip(moments, offsets, strict=True)
        ],
        times,
    )


def _counted(cells: Sequence[tuple[int, str]], unit: str) -> Stamps:
    moments = []
    for line, cell in cells:
        moment = _of_count(cell) if _count.fullmatch(cell) else None
        if moment is None:
            raise BadTable(
                f"{unit} {line}: this date is no number of seconds or days as those before it are"
            )
        moments.append(moment)
    days = [moment.date() for moment in moments]
    if not _is_epoch(cells[0][1]):
        return Stamps(days, "days as Excel counts them")
    times = [f"{moment:%H:%M:%S}" for moment in moments]
    return Stamps(days, "seconds since 1970 or parts of them", moments, times)


def _of_count(cell: str) -> datetime | None:
    """Read a count of days from Excel, or of seconds since 1970; None where no year has it."""
    whole = cell.partition(".")[0]
    if "e" in cell.lower():
        whole = str(int(float(cell)))
    count, digits = int(whole), len(whole.lstrip("-"))
    if digits == len("45385"):
        if not _EXCEL_DAYS[0] <= count < _EXCEL_DAYS[1]:
            return None
        return datetime.combine(_EXCEL + timedelta(days=count), datetime.min.time(), UTC)
    ticks = _TICKS.get(digits)
    if ticks is None:
        return None
    moment = datetime.combine(_EPOCH, datetime.min.time(), UTC) + timedelta(seconds=count // ticks)
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def _tried(form: _Form, cells: Sequence[tuple[int, str]]) -> tuple[list[_Moment], int | None]:
    """Read cells by one form; also return the first that it does not fit."""
    moments: list[_Moment] = []
    for row, (_, cell) in enumerate(cells):
        moment = _read(form, cell)
        if moment is None:
            return moments, row
        moments.append(moment)
    return moments, None


def _read(form: _Form, cell: str) -> _Moment | None:
    found = form.pattern.fullmatch(cell)
    if found is None:
        return None
    *parts, clock, offset = found.groups(default="")
    day = _day(form.parts, *parts)
    return None if day is None else _Moment(day, clock, offset)


def _day(order: str, first: str, second: str, third: str) -> date | None:
    by_part = {order[0]: first, order[1]: second, order[2]: third}
    year = int(by_part["y"])
    if len(by_part["y"]) == 2:  # noqa: PLR2004 - digits
        year += 1900 if year >= _CENTURY_FROM else 2000
    month = month_of(by_part["b"]) if "b" in by_part else int(by_part["m"])
    try:
        return date(year, month or 0, int(by_part["d"]))
    except ValueError:
        return None


@cache
def _stems() -> list[tuple[str, int]]:
    return sorted(_MONTHS.items(), key=lambda one: -len(one[0]))


@lru_cache(maxsize=1024)
def month_of(name: str) -> int | None:
    """Return the number of a month by its name or a part of it, in a dozen languages."""
    lower = unicodedata.normalize("NFD", name.casefold().replace("\u0131", "i"))
    simple = "".join(letter for letter in lower if not unicodedata.combining(letter))
    return next((number for stem, number in _stems() if simple.startswith(stem)), None)


def _offset(text: str) -> timezone | None:
    """Return a fixed offset; None where a zone is named by letters that several have."""
    if text in {"Z", "UTC", "GMT"}:
        return UTC
    found = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?(?::\d{2})?", text)
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    if minutes >= 24 * 60:
        return None
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def minutes_of(text: str) -> int | None:
    """Return a time of day in minutes; None where it is none."""
    found = re.match(r"(\d{1,2})[:h]?(\d{2})?", text)
    if found is None:
        return None
    hours = int(found[1])
    lower = text.lower().replace(".", "")
    if lower.endswith("pm") and hours < 12:  # noqa: PLR2004 - noon
        hours += 12
    elif lower.endswith("am") and hours == 12:  # noqa: PLR2004 - midnight
        hours = 0
    minutes = hours * 60 + int(found[2] or 0)
    return minutes if minutes < 24 * 60 else None


def _clock(text: str) -> time:
    minutes = minutes_of(text) or 0
    return time(minutes // 60, minutes % 60)


def _disorder(days: Sequence[date]) -> int:
    """Return how far apart neighbours lie, in days, altogether: little where they are sessions."""
    numbers = [day.toordinal() for day in days]
    return sum(abs(two - one) for one, two in pairwise(numbers))
