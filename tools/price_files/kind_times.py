"""F: stamps with a time or an offset, and bars that are not of one day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tools.price_files.numbers import PLAIN
from tools.price_files.price_file import HOURLY, MONTHLY, WEEKLY, Expect, PriceFile, Said, truth_of
from tools.price_files.sessions import EVERY_DAY, WEEKDAYS, after, days_between
from tools.price_files.sheet import Column, Sheet
from tools.price_files.tables import BY_NAME, a_table
from tools.price_files.walks import COIN, FIELDS, SHARE, Chance, Walk, a_walk

KIND: Final = "F times"

_ZONES: Final = {
    "XNYS": "America/New_York",
    "XTSE": "America/Toronto",
    "BVMF": "America/Sao_Paulo",
    "XLON": "Europe/London",
    "XETR": "Europe/Berlin",
    "XPAR": "Europe/Paris",
    "XSTO": "Europe/Stockholm",
    "XHEL": "Europe/Helsinki",
    "XIST": "Europe/Istanbul",
    "XJSE": "Africa/Johannesburg",
    "XBOM": "Asia/Kolkata",
    "XHKG": "Asia/Hong_Kong",
    "XSHG": "Asia/Shanghai",
    "XKRX": "Asia/Seoul",
    "XTKS": "Asia/Tokyo",
    "XASX": "Australia/Sydney",
}
_OPENS: Final = {
    "XNYS": time(9, 30),
    "XLON": time(8),
    "XETR": time(9),
    "XTKS": time(9),
    "XASX": time(10),
}
_FORMS: Final[dict[str, Callable[[datetime], str]]] = {
    "+00:00": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S+00:00"),
    "Z": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "ms Z": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    "UTC": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
    "+0000": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    "epoch": lambda moment: str(int(moment.timestamp())),
    "epoch ms": lambda moment: str(int(moment.timestamp()) * 1000),
}


def _stamped(chance: Chance, walk: Walk, write: Callable[[date], str]) -> tuple[Sheet, str]:
    head = chance.choice(("Date", "Datetime", "time", "timestamp", "Date", "t"))
    table = a_table(chance, BY_NAME["stooq"], walk=walk, date_style=write, style=PLAIN)
    table.sheet.column("date").head = head
    table.sheet.is_newest_first = chance.random() < 0.3
    return table.sheet, head


def _in_utc(chance: Chance, calendar: str, at: time) -> tuple[Callable[[date], str], str]:
    zone = ZoneInfo(_ZONES[calendar])
    name = chance.choice([*_FORMS])

    def write(day: date) -> str:
        return _FORMS[name](datetime.combine(day, at, zone).astimezone(UTC))

    return write, name


def midnight_in_utc(chance: Chance) -> PriceFile:
    """Stamp an exchange's days by its midnight, in UTC, and name the exchange."""
    calendar = chance.choice([*_ZONES])
    walk = a_walk(chance, calendar=calendar)
    write, name = _in_utc(chance, calendar, time())
    sheet, _ = _stamped(chance, walk, write)
    truth = truth_of(walk, forecast_date=after(calendar, walk.days[-1]))
    shape = f"midnight in UTC: {calendar}, {name}"
    return PriceFile(KIND, shape, sheet.content(), Expect.SOUND, truth, calendar)


def opening_in_utc(chance: Chance) -> PriceFile:
    """Stamp days by the exchange's opening, as TradingView does, and name the exchange."""
    calendar = chance.choice([*_OPENS])
    walk = a_walk(chance, calendar=calendar)
    write, name = _in_utc(chance, calendar, _OPENS[calendar])
    sheet, _ = _stamped(chance, walk, write)
    truth = truth_of(walk, forecast_date=after(calendar, walk.days[-1]))
    return PriceFile(
        KIND, f"opening in UTC: {calendar}, {name}", sheet.content(), Expect.SOUND, truth, calendar
    )


def own_midnight(chance: Chance) -> PriceFile:
    """Stamp days by the exchange's midnight with its own offset."""
    calendar = chance.choice([*_ZONES])
    walk = a_walk(chance, calendar=calendar)
    zone = ZoneInfo(_ZONES[calendar])
    sign = chance.choice((" ", "T"))
    sheet, _ = _stamped(
        chance, walk, lambda day: datetime.combine(day, time(), zone).isoformat(sign)
    )
    asked = calendar if chance.random() < 0.5 else None
    truth = truth_of(walk, forecast_date=after(calendar, walk.days[-1]) if asked else None)
    return PriceFile(KIND, f"own midnight: {calendar}", sheet.content(), Expect.SOUND, truth, asked)


def opening_epochs(chance: Chance) -> PriceFile:
    """Stamp New York's days by their opening in seconds, without an exchange."""
    walk = a_walk(chance, calendar="XNYS")
    zone = ZoneInfo(_ZONES["XNYS"])
    table = a_table(
        chance,
        BY_NAME["tradingview"],
        walk=walk,
        date_style=lambda day: str(int(datetime.combine(day, time(9, 30), zone).timestamp())),
    )
    return table.file(KIND, "TradingView's export")


def every_day(chance: Chance) -> PriceFile:
    """Make bars of every day of the week, by UTC."""
    walk = a_walk(chance, calendar=EVERY_DAY)
    write = chance.choice(
        (
            _FORMS["+00:00"],
            _FORMS["Z"],
            _FORMS["epoch"],
            _FORMS["epoch ms"],
            _FORMS["UTC"],
            lambda moment: moment.date().isoformat(),
        )
    )
    sheet, _ = _stamped(chance, walk, lambda day: write(datetime.combine(day, time(), UTC)))
    asked = EVERY_DAY if chance.random() < 0.6 else None
    truth = truth_of(walk, forecast_date=walk.days[-1] + timedelta(days=1) if asked else None)
    return PriceFile(KIND, "every day", sheet.content(), Expect.SOUND, truth, asked)


def closing_moment(chance: Chance) -> PriceFile:
    """Stamp a coin's days by their last second, or a share's by the hour of its close."""
    if chance.random() < 0.5:
        walk = a_walk(chance, calendar=EVERY_DAY)
        form = chance.choice(
            ("%Y-%m-%dT23:59:59.999Z", "%Y-%m-%d 23:59:59", "%Y-%m-%d 23:59:59+00:00")
        )
    else:
        walk = a_walk(chance, calendar="XNYS")
        form = chance.choice(
            ("%Y-%m-%d 16:00:00", "%m/%d/%Y 16:00:00", "%Y-%m-%dT16:00:00", "%Y-%m-%d 16:00")
        )
    sheet, _ = _stamped(chance, walk, lambda day: day.strftime(form))
    return PriceFile(
        KIND, f"stamped {form}".replace("%", ""), sheet.content(), Expect.SOUND, truth_of(walk)
    )


def time_apart(chance: Chance) -> PriceFile:
    """Write the time of a daily bar in a column of its own."""
    name = chance.choice(("metatrader 5 with a time", "finam", "stooq in bulk"))
    return a_table(chance, BY_NAME[name]).file(KIND, "a time apart")


def midnight_without_exchange(chance: Chance) -> PriceFile:
    """Stamp the days of an exchange in UTC, and do not say which exchange."""
    calendar = chance.choice([*_ZONES])
    walk = a_walk(chance, calendar=calendar)
    write, name = _in_utc(chance, calendar, time())
    sheet, _ = _stamped(chance, walk, write)
    shape = f"midnight in UTC, no calendar: {calendar}, {name}"
    # to read them right is no fault: their weekdays say where they are from
    return PriceFile(KIND, shape, sheet.content(), Expect.EITHER, truth_of(walk))


def _spread(chance: Chance, moments: list[datetime], write: Callable[[datetime], str]) -> Sheet:
    walk = a_walk(
        chance,
        calendar=WEEKDAYS,
        length=len(moments),
        scale=SHARE,
        days=[each.date() for each in moments],
    )
    sheet = Sheet(
        [
            Column(
                chance.choice(("Datetime", "time", "Date")),
                "date",
                [write(each) for each in moments],
            )
        ]
    )
    for field in FIELDS:
        cells = [PLAIN.write(price, walk.decimals) for price in walk.bars[field]]
        sheet.columns.append(Column(field.title(), field, cells))
    sheet.is_newest_first = chance.random() < 0.3
    return sheet


def shorter_bars(chance: Chance) -> PriceFile:
    """Make bars of minutes or hours, of a share or of a coin."""
    minutes = chance.choice((1, 5, 15, 30, 60, 60, 120, 240))
    is_coin = chance.random() < 0.5
    walk = a_walk(
        chance, calendar=EVERY_DAY if is_coin else "XNYS", length=chance.randrange(20, 75)
    )
    zone = UTC if is_coin else ZoneInfo("America/New_York")
    first, last = (0, 24 * 60) if is_coin else (9 * 60 + 30, 16 * 60)
    moments = [
        datetime.combine(day, time(at // 60, at % 60), zone)
        for day in walk.days
        for at in range(first, last, minutes)
    ][-4000:]
    write = chance.choice(
        (
            lambda moment: moment.isoformat(" "),
            lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
            lambda moment: moment.strftime("%Y-%m-%dT%H:%M"),
            lambda moment: moment.strftime("%m/%d/%Y %I:%M %p"),
            lambda moment: moment.strftime("%d.%m.%Y %H:%M:%S.000"),
            _FORMS["epoch"],
            _FORMS["epoch ms"],
        )
    )
    sheet = _spread(chance, moments, write)
    if chance.random() < 0.25:
        sheet.columns[0:1] = [
            Column("<DATE>", "date", [each.strftime("%Y.%m.%d") for each in moments]),
            Column("<TIME>", "time", [each.strftime("%H:%M:%S") for each in moments]),
        ]
    return PriceFile(
        KIND, f"bars of {minutes} minutes", sheet.content(), Expect.FAULTY, said=(HOURLY,)
    )


def two_a_day(chance: Chance) -> PriceFile:
    """Make two bars a day: of twelve hours, or of two trading periods."""
    walk = a_walk(chance, calendar=EVERY_DAY, length=chance.randrange(40, 120), scale=COIN)
    moments = [datetime.combine(day, time(hour), UTC) for day in walk.days for hour in (0, 12)]
    write = chance.choice((_FORMS["epoch"], lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S")))
    return PriceFile(
        KIND,
        "two bars a day",
        _spread(chance, moments, write).content(),
        Expect.FAULTY,
        said=(HOURLY,),
    )


def longer_bars(chance: Chance) -> PriceFile:
    """Make bars of weeks, months or quarters."""
    length = chance.randrange(70, 160)
    last = date(2026, 9, 30) - timedelta(days=chance.randrange(900))
    sort = chance.choice(("weekly", "weekly", "monthly", "quarterly"))
    said: Said = WEEKLY if sort == "weekly" else MONTHLY
    if sort == "weekly":
        weekday = chance.choice((0, 4, 6))
        end = last - timedelta(days=(last.weekday() - weekday) % 7)
        days = [end - timedelta(weeks=each) for each in range(length)][::-1]
    else:
        step = 1 if sort == "monthly" else 3
        months = [last.year * 12 + last.month - 1 - step * each for each in range(length)][::-1]
        days = [date(each // 12, each % 12 + 1, 1) for each in months]
        if chance.random() < 0.5:
            days = [(day + timedelta(days=32)).replace(day=1) - timedelta(days=1) for day in days]
    form = chance.choice(("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y"))
    if sort == "monthly" and chance.random() < 0.3:
        form = chance.choice(("%Y-%m", "%b %y", "%m/%Y", "%Y%m"))
    moments = [datetime.combine(day, time(), UTC) for day in days]
    sheet = _spread(chance, moments, lambda moment: moment.strftime(form))
    return PriceFile(KIND, f"{sort} bars", sheet.content(), Expect.FAULTY, said=(said,))


def weekends_filled(chance: Chance) -> PriceFile:
    """Fill weekends and holidays of a share with the price of Friday, and name its exchange."""
    walk = a_walk(chance, calendar="XNYS", length=chance.randrange(80, 150))
    days = days_between(walk.days[0], walk.days[-1])
    rows, at = [], 0
    for day in days:
        at = at + 1 if at + 1 < len(walk) and walk.days[at + 1] <= day else at
        rows.append(at)
    bars = {
        field: [
            walk.bars["close" if walk.days[at] != day else field][at]
            for at, day in zip(rows, days, strict=True)
        ]
        for field in FIELDS
    }
    filled = replace(walk, days=days, bars=bars, volumes=[1] * len(days))
    table = a_table(chance, BY_NAME["stooq"], walk=filled)
    return table.file(
        KIND,
        "weekends filled",
        Expect.FAULTY,
        calendar="XNYS",
        by_reader=False,
        is_of_calendar=True,
    )


SOUND: Final = (
    midnight_in_utc,
    own_midnight,
    opening_in_utc,
    every_day,
    midnight_in_utc,
    opening_epochs,
    closing_moment,
    time_apart,
)
FAULTY: Final = (
    shorter_bars,
    longer_bars,
    midnight_without_exchange,
    longer_bars,
    shorter_bars,
    two_a_day,
    weekends_filled,
)
