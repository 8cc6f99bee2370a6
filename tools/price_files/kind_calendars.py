"""I: days held against the sessions of an exchange."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from tools.price_files.dates import STYLES
from tools.price_files.price_file import Expect, PriceFile, Said
from tools.price_files.sessions import WEEKDAYS, known, sessions
from tools.price_files.tables import BY_NAME, a_table
from tools.price_files.walks import Chance, Walk, a_length, a_walk

KIND: Final = "I calendars"

_EXCHANGES: Final = (
    *(
        "XNYS",
        "XLON",
        "XETR",
        "XPAR",
        "XAMS",
        "XTKS",
        "XHKG",
        "XBOM",
        "XTAI",
        "XTAE",
        "XASX",
        "XTSE",
    ),
    *(
        "XSTO",
        "XSWX",
        "XMIL",
        "XMAD",
        "XKRX",
        "BVMF",
        "XMEX",
        "XJSE",
        "XWAR",
        "XIST",
        "XSHG",
        "XSES",
    ),
    *(
        "XHEL",
        "XCSE",
        "XOSL",
        "XBRU",
        "XLIS",
        "XWBO",
        "XNZE",
        "XIDX",
        "XKLS",
        "XBKK",
        "XMOS",
        WEEKDAYS,
    ),
)
_ALIASES: Final = {
    "XNYS": ("NYSE", "NASDAQ", "XNAS", "nyse", "XASE"),
    "XBOM": ("BSE", "NSE", "XNSE"),
    "XLON": ("LSE",),
    "XTKS": ("JPX",),
    "XHKG": ("HKEX",),
    "XTSE": ("TSX",),
    "XSWX": ("SIX",),
    "XASX": ("ASX",),
    "XSHG": ("SSE",),
    "XTAE": ("TASE",),
}
_UNUSUAL: Final = {
    "XHKG": ("2023-09-01", "2023-09-08", "2023-07-17"),
    "XTAI": ("2024-10-31", "2024-07-24", "2024-10-02"),
    "XBOM": (
        *("2023-11-12", "2024-01-20", "2024-03-02", "2024-05-18", "2024-11-01", "2025-02-01"),
        *("2025-10-21", "2026-02-01"),
    ),
    "XNYS": ("2025-01-09", "2022-06-20", "2021-12-31"),
    "XKRX": ("2024-10-01", "2025-01-27", "2025-06-03"),
    "XLON": ("2022-09-19", "2023-05-08", "2022-06-03"),
}
"""Days on which an exchange was closed, or open, against its rule."""


def _file(
    chance: Chance,
    walk: Walk,
    calendar: str,
    shape: str,
    *,
    fault: tuple[Said, ...] | None = None,
    is_of_calendar: bool = False,
) -> PriceFile:
    """Return a file in any layout; one of a fault has to say it."""
    layout = BY_NAME[chance.choice(("stooq", "yahoo", "alpha vantage", "google sheets", "onvista"))]
    style = STYLES["iso"] if chance.random() < 0.6 else None
    table = a_table(chance, layout, walk=walk, date_style=style)
    asked = (
        chance.choice((walk.calendar, *_ALIASES.get(walk.calendar, ())))
        if calendar == walk.calendar
        else calendar
    )
    if fault is None:
        expect, truth = Expect.SOUND, table.truth(calendar=walk.calendar)
    else:
        expect, truth = Expect.FAULTY, None
    return table.file(
        KIND,
        f"{walk.calendar} {shape}",
        expect,
        fault or (),
        truth=truth,
        calendar=asked,
        by_reader=False,
        is_of_calendar=is_of_calendar,
    )


def any_exchange(chance: Chance) -> PriceFile:
    """Take any sessions of any exchange."""
    calendar = chance.choice(_EXCHANGES)
    return _file(chance, a_walk(chance, calendar=calendar), calendar, "ordinary")


def across_an_unusual_day(chance: Chance) -> PriceFile:
    """Take the sessions around a day that was open, or closed, against the rule."""
    calendar, day = _unusual(chance)
    after = [each for each in sessions(calendar) if day < each <= known(calendar).last]
    end = after[chance.randrange(0, min(60, len(after)))]
    return _file(chance, _ending(chance, calendar, end), calendar, f"across {day}")


def before_an_unusual_day(chance: Chance) -> PriceFile:
    """End on the session before a day that was open, or closed, against the rule."""
    calendar, day = _unusual(chance)
    end = max(each for each in sessions(calendar) if each < day)
    return _file(chance, _ending(chance, calendar, end), calendar, f"before {day}")


def _unusual(chance: Chance) -> tuple[str, date]:
    calendar = chance.choice(
        ("XBOM", "XBOM", "XBOM", "XHKG", "XHKG", "XTAI", "XNYS", "XKRX", "XLON")
    )
    return calendar, date.fromisoformat(chance.choice(_UNUSUAL[calendar]))


def _ending(chance: Chance, calendar: str, end: date, length: int = 0) -> Walk:
    days = [each for each in sessions(calendar) if known(calendar).first <= each <= end]
    return a_walk(chance, calendar=calendar, days=days[-(length or chance.randrange(70, 200)) :])


def a_session_missing(chance: Chance) -> PriceFile:
    """Leave out a session in the middle."""
    walk = a_walk(chance, calendar=chance.choice(_EXCHANGES))
    row = chance.randrange(len(walk) - 55, len(walk) - 1)
    missing = [row, row + 1] if chance.random() < 0.3 and row + 1 < len(walk) - 1 else [row]
    shape = "without a session"
    return _file(
        chance,
        walk.without(missing),
        walk.calendar,
        shape,
        fault=(_around(walk.days[row : row + 3]),),
    )


def _around(days: Sequence[date]) -> Said:
    return (*(str(day) for day in days), r"missing")


def _moved(walk: Walk, row: int, day: date) -> Walk:
    days = [*walk.days]
    days.insert(row + 1, day)
    bars = {
        field: [*prices[: row + 1], prices[row], *prices[row + 1 :]]
        for field, prices in walk.bars.items()
    }
    volumes = [*walk.volumes[: row + 1], 1, *walk.volumes[row + 1 :]]
    return Walk(walk.symbol, walk.calendar, walk.decimals, days, bars, volumes)


def a_day_that_was_none(chance: Chance) -> PriceFile:
    """Add a Saturday, or a holiday, between two sessions."""
    walk = a_walk(chance, calendar=chance.choice(_EXCHANGES))
    rows = [
        row
        for row in range(len(walk) - 55, len(walk) - 1)
        if (walk.days[row + 1] - walk.days[row]).days > 1
    ]
    row = chance.choice(rows)
    day = walk.days[row] + timedelta(days=1)
    return _file(
        chance,
        _moved(walk, row, day),
        walk.calendar,
        "with a day that was none",
        fault=((str(day), r"session"),),
    )


def on_closed_days(chance: Chance) -> PriceFile:
    """Give prices of the two days on which Hong Kong was closed by weather."""
    walk = _ending(chance, "XHKG", date(2023, 11, 30), 150)
    closed = date.fromisoformat(chance.choice(("2023-09-01", "2023-09-08", "2023-07-17")))
    row = max(at for at, day in enumerate(walk.days) if day < closed)
    return _file(chance, _moved(walk, row, closed), "XHKG", f"open on {closed}", fault=())


def in_the_future(chance: Chance) -> PriceFile:
    """Go on after today."""
    today = datetime.now(UTC).date()
    calendar = chance.choice(("XNYS", "XLON", WEEKDAYS, "24/7", "XTKS"))
    first, days = today - timedelta(days=150), []
    for each in range(154 + chance.randrange(3, 60)):
        day = first + timedelta(days=each)
        if calendar == "24/7" or day.weekday() < 5:
            days.append(day)
    walk = a_walk(chance, calendar=calendar, days=days)
    return _file(chance, walk, calendar, "in the future", fault=((r"future", r"has not been"),))


def a_wrong_calendar(chance: Chance) -> PriceFile:
    """Name another exchange for a long file."""
    one, other = chance.sample(
        ("XNYS", "XTKS", "XLON", "XHKG", "XETR", "XBOM", "XASX", "BVMF", "XTAE"), 2
    )
    walk = a_walk(chance, calendar=one, length=chance.randrange(260, 600))
    return _file(
        chance,
        walk,
        other,
        f"called {other}",
        fault=((r"session", r"calendar"),),
        is_of_calendar=True,
    )


def no_such_calendar(chance: Chance) -> PriceFile:
    """Name an exchange that there is not."""
    walk = a_walk(chance, calendar="XNYS", length=a_length(chance))
    name = chance.choice(("XXXX", "NEW YORK", "Tokyo", "XN", "../XNYS"))
    return _file(chance, walk, name, "called by no name", fault=((r"calendar",),))


def a_long_gap(chance: Chance) -> PriceFile:
    """Leave out two months, and name no exchange."""
    walk = a_walk(chance, calendar="XNYS", length=chance.randrange(130, 300))
    row = chance.randrange(len(walk) - 100, len(walk) - 45)
    table = a_table(chance, BY_NAME["stooq"], walk=walk.without(range(row, row + 42)))
    return table.file(
        KIND,
        "a gap of two months",
        Expect.FAULTY,
        ((r"days lie between", r"gap", r"missing"),),
        by_reader=False,
    )


SOUND: Final = (
    any_exchange,
    across_an_unusual_day,
    any_exchange,
    before_an_unusual_day,
    any_exchange,
    across_an_unusual_day,
)
FAULTY: Final = (
    a_session_missing,
    a_day_that_was_none,
    in_the_future,
    a_wrong_calendar,
    a_session_missing,
    on_closed_days,
    a_long_gap,
    no_such_calendar,
)
