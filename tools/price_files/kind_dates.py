"""A: which column holds the dates, what they mean, and which row is the newest."""

from datetime import date
from typing import Final

from tools.price_files.dates import STYLES, strftime
from tools.price_files.layouts_english import ENGLISH
from tools.price_files.numbers import PLAIN
from tools.price_files.price_file import Expect, PriceFile, Said, truth_of
from tools.price_files.sessions import EVERY_DAY, WEEKDAYS, sessions
from tools.price_files.sheet import Column, Sheet
from tools.price_files.tables import BY_NAME, LAYOUTS, Table, a_table
from tools.price_files.walks import FIELDS, Chance, a_walk

KIND: Final = "A dates"

_HEADS: Final = (
    *("", "index", "Index", "Unnamed: 0", "Date (UTC)", "Datetime", "Timestamp", "time", "day"),
    *("Day", "Session", "Trading Day", "Trade Date", "trade_dt", "Business Date", "as_of", "AsOf"),
    *(
        "period",
        "Period Ending",
        "ds",
        "dt",
        "t",
        "x",
        "key",
        "Row Labels",
        "Open time",
        "DATE_TIME",
    ),
    *("quote_date", "Pricing Date", "Effective Date", "When", "Local time", "Stichtag", "Jour"),
    *("Sitzung", "交易日期", "年月日", "일시", "Kuupäev", "level_0", "#", "date_utc", "begins_at"),
)
_PLAIN: Final = [
    layout
    for layout in ENGLISH
    if layout.delimiters == (",",)
    and "date-" not in layout.columns
    and "count" not in layout.columns
]
_UNMISTAKABLE: Final = sorted(
    {*STYLES}
    # with these a comma in the date has to be quoted, or their language is another one's
    - {"american-clock", "weekday", "weekday-comma"}
)
_SAID_NO_DATES: Final[Said] = (r"date", r"order")


def head_of_any_name(chance: Chance) -> PriceFile:
    """Make a column of dates with any name, or none."""
    table = a_table(chance, chance.choice(_PLAIN))
    table.sheet.column("date").head = chance.choice(_HEADS)
    table.sheet.is_newest_first = chance.random() < 0.5
    return table.file(KIND, "head of any name")


def any_style(chance: Chance) -> PriceFile:
    """Write dates in any style."""
    name = chance.choice(_UNMISTAKABLE)
    table = a_table(chance, chance.choice(_PLAIN), date_style=STYLES[name])
    table.sheet.is_newest_first = chance.random() < 0.5
    return table.file(KIND, f"dates as {name}")


def date_not_first(chance: Chance) -> PriceFile:
    """Put the dates behind the prices."""
    table = a_table(chance, chance.choice(_PLAIN))
    columns = table.sheet.columns
    at = chance.randrange(1, len(columns))
    columns.insert(at, columns.pop(columns.index(table.sheet.column("date"))))
    return table.file(KIND, "dates not first")


def as_vendors_do(chance: Chance) -> PriceFile:
    """Make a vendor's file as it is."""
    return a_table(chance).file(KIND, "as it is")


def unnamed_index(chance: Chance) -> PriceFile:
    """Write it as pandas does: the index has no name, and counts, or holds the dates."""
    table = a_table(chance, BY_NAME["stooq"])
    table.sheet.is_newest_first = chance.random() < 0.6
    if chance.random() < 0.5:
        rows = table.sheet.order()
        cells = [str(rows.index(row)) for row in range(len(rows))]
        table.sheet.insert(0, chance.choice(("", "index", "Unnamed: 0")), "count", cells)
    else:
        table.sheet.column("date").head = ""
    return table.file(KIND, "an index without a name")


def two_date_columns(chance: Chance) -> PriceFile:
    """Put a second column of dates beside the first: of settlement, or of the download."""
    table = a_table(chance, chance.choice(_PLAIN))
    write = STYLES["iso"]
    if chance.random() < 0.5:
        cells, head = [write(table.walk.days[-1])] * len(table.walk), "Downloaded"
    else:
        calendar = table.walk.calendar
        following = dict(zip(sessions(calendar), sessions(calendar)[2:], strict=False))
        cells, head = [write(following[day]) for day in table.walk.days], "Settlement Date"
    table.sheet.insert(len(table.sheet.columns), head, "other date", cells)
    return table.file(KIND, "two columns of dates", Expect.EITHER)


def parts_of_dates(chance: Chance) -> PriceFile:
    """Write year, month and day in columns of their own."""
    table = a_table(chance, BY_NAME["stooq"])
    days = table.walk.days
    at = table.sheet.columns.index(table.sheet.column("date"))
    table.sheet.columns[at : at + 1] = [
        Column("Year", "date", [str(day.year) for day in days]),
        Column("Month", "month", [str(day.month) for day in days]),
        Column("Day", "day", [str(day.day) for day in days]),
    ]
    return table.file(KIND, "year, month and day apart", Expect.EITHER)


def without_dates(chance: Chance) -> PriceFile:
    """Leave the dates out, or put the number of the row in their place."""
    table = a_table(chance, chance.choice(LAYOUTS))
    sheet = table.sheet
    while sheet.has("date"):
        sheet.remove("date", "date-end", "date-within", "date-unix", "date-offset", "count")
    sheet.is_newest_first = chance.random() < 0.5
    if chance.random() < 0.4:
        rows = sheet.order()
        begin = chance.choice((0, 1))
        cells = [str(rows.index(row) + begin) for row in range(len(rows))]
        sheet.insert(0, chance.choice(("", "index", "Row", "#", "Unnamed: 0")), "count", cells)
    return _faulty(table, "no dates", (_SAID_NO_DATES,))


def without_years(chance: Chance) -> PriceFile:
    """Write days without their year."""
    form = chance.choice(("%d %b", "%b %d", "%d.%m.", "%m-%d", "%H:%M"))
    table = a_table(chance, chance.choice(_PLAIN), date_style=strftime(form), length=90)
    return _faulty(table, f"dates as {form.replace('%', '')}", ())


def _up_to_twelve(chance: Chance) -> Table:
    """Write the days of a year whose day and month may be exchanged, and nothing else."""
    year = chance.randrange(2021, 2026)
    pairs = [(one, other) for one in range(1, 13) for other in range(1, 13)]
    weekdays = [
        date(year, one, other)
        for one, other in pairs
        if date(year, one, other).weekday() < 5 and date(year, other, one).weekday() < 5
    ]
    walk = a_walk(chance, calendar=WEEKDAYS, days=sorted(weekdays))
    sign = chance.choice("/.-")
    form = chance.choice((f"%d{sign}%m{sign}%Y", f"%m{sign}%d{sign}%Y", f"%d{sign}%m{sign}%y"))
    return a_table(chance, BY_NAME["stooq"], walk=walk, style=PLAIN, date_style=strftime(form))


def ambiguous_but_in_order(chance: Chance) -> PriceFile:
    """Leave it to their order to say which is the day and which the month."""
    return _up_to_twelve(chance).file(KIND, "day and month up to twelve, in order", Expect.EITHER)


def ambiguous_throughout(chance: Chance) -> PriceFile:
    """Write days that are as likely, and in as little order, read either way."""
    table = _up_to_twelve(chance)
    rows = list(range(len(table.walk)))
    chance.shuffle(rows)
    for column in table.sheet.columns:
        column.cells = [column.cells[row] for row in rows]
    return _faulty(table, "day and month up to twelve, in no order", ())


def broken_date(chance: Chance) -> PriceFile:
    """Spoil one date."""
    table = a_table(chance, chance.choice(_PLAIN), date_style=STYLES["iso"])
    row = chance.randrange(1, len(table.walk) - 1)
    wrong = chance.choice(
        (
            "2024-02-30",
            "2023-13-05",
            "2024-00-10",
            "20240",
            "yesterday",
            "########",
            "1/1/",
            "31.06.",
        )
    )
    table.sheet.change(row, "date", lambda _: wrong)
    if wrong.isdecimal():
        table.sheet.change(row, "date", lambda _: "99999999")
    return _faulty(table, "one date that is none", ())


def dates_in_two_styles(chance: Chance) -> PriceFile:
    """Change from day first to month first in the middle, as a careless join does."""
    walk = a_walk(chance, calendar="XNYS")
    first, second = chance.sample(("%d/%m/%Y", "%m/%d/%Y"), 2)
    cut = walk.days[len(walk) // 2]
    table = a_table(
        chance,
        BY_NAME["stooq"],
        walk=walk,
        style=PLAIN,
        date_style=lambda day: day.strftime(first if day < cut else second),
    )
    return _faulty(table, "day first, then month first", ())


def wide_of_periods(chance: Chance) -> PriceFile:
    """Lay the table on its side: days as heads, fields as rows."""
    walk = a_walk(chance, length=80, calendar=EVERY_DAY)
    sheet = Sheet([Column("Field", "field", [*FIELDS])], PLAIN, walk.decimals)
    for row, day in enumerate(walk.days):
        cells = [PLAIN.write(walk.bars[field][row], walk.decimals) for field in FIELDS]
        sheet.columns.append(Column(day.isoformat(), "day", cells))
    return PriceFile(KIND, "days as heads", sheet.content(), Expect.EITHER, truth_of(walk))


def _faulty(table: Table, shape: str, said: tuple[Said, ...]) -> PriceFile:
    return table.file(KIND, shape, Expect.FAULTY, said)


SOUND: Final = (
    head_of_any_name,
    any_style,
    any_style,
    as_vendors_do,
    date_not_first,
    head_of_any_name,
    unnamed_index,
)
FAULTY: Final = (
    without_dates,
    without_dates,
    ambiguous_throughout,
    broken_date,
    ambiguous_but_in_order,
    without_years,
    dates_in_two_styles,
    two_date_columns,
    parts_of_dates,
    wide_of_periods,
)
