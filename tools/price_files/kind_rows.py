"""H: rows that hold no prices, impossible ones, or the same day twice."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tools.price_files.layouts_english import ENGLISH
from tools.price_files.numbers import PLAIN, TRIMMED
from tools.price_files.price_file import Expect, PriceFile, line
from tools.price_files.sheet import PRICES
from tools.price_files.tables import BY_NAME, Table, a_table
from tools.price_files.walks import FIELDS, Chance, a_walk

if TYPE_CHECKING:
    from collections.abc import Sequence

KIND: Final = "H rows"

_NOTHING: Final = (
    "",
    "",
    "null",
    "NaN",
    "nan",
    "-",
    "N/A",
    "#N/A",
    ".",
    "NULL",
    "None",
    "--",
    "n/a",
    "NA",
)
_BARS: Final = [layout for layout in ENGLISH if "high" in layout.columns and layout.styles != ()]
_YAHOO: Final = ("yahoo", "yahoo's page", "eodhd")


def no_noise(chance: Chance) -> PriceFile:
    """Repeat the close as its adjusted close: every price stays what it is."""
    walk = a_walk(chance)
    layout = BY_NAME[chance.choice(("yahoo", "eodhd", "tiingo", "quandl", "tidyquant", "julia"))]
    table = a_table(chance, layout, walk=walk, style=TRIMMED, adjusted=[*walk.bars["close"]])
    return table.file(KIND, "adjusted closes that are the closes")


def as_vendors_do(chance: Chance) -> PriceFile:
    """Make a vendor's file as it is."""
    return a_table(chance, chance.choice(_BARS)).file(KIND, "as it is")


def empty_rows(chance: Chance) -> PriceFile:
    """Write days, of holidays most often, without prices."""
    table = a_table(chance, chance.choice(_BARS))
    rows = sorted(chance.sample(range(1, len(table.walk) - 1), chance.randrange(1, 4)))
    return _emptied(chance, table, rows, "rows without prices")


def newest_row_empty(chance: Chance) -> PriceFile:
    """Write the newest day without prices, as vendors do until its close."""
    table = a_table(chance, chance.choice(_BARS))
    return _emptied(chance, table, [len(table.walk) - 1], "the newest row without prices")


def _emptied(chance: Chance, table: Table, rows: list[int], shape: str) -> PriceFile:
    sheet, nothing = table.sheet, chance.choice(_NOTHING)
    # one of several may stand for all
    said = tuple(text for row in rows for text in line(table.line(row)))
    for row in rows:
        for column in sheet.columns:
            if column.role in PRICES or column.role.startswith(
                ("adj-", "volume", "close-too", "middle", "bid", "ask")
            ):
                column.cells[row] = nothing
    if table.adjusted is not None:
        table.adjusted = [each for row, each in enumerate(table.adjusted) if row not in rows]
    truth = table.truth(table.walk.without(rows))
    newest = len(table.walk) - 1 in rows
    expected = (said, (str(table.walk.days[-1]), r"newest")) if newest else (said,)
    return table.file(KIND, shape, Expect.NOTED, expected, truth=truth)


def dividends_between(chance: Chance) -> PriceFile:
    """Put lines of dividends and splits between the rows, as Yahoo's page has them."""
    table = a_table(chance, BY_NAME[chance.choice(_YAHOO)])
    sheet, rows = table.sheet, sorted(chance.sample(range(2, len(table.walk) - 1), 2))
    dates, width = sheet.column("date").cells, len(sheet.columns)
    for row in rows:
        event = chance.choice(("0.24 Dividend", "1.1 Dividend", "Dividend 0.25", "0.88 Dividend"))
        cells = [dates[row], event, *[""] * (width - 2)]
        sheet.inserted[row] = [sheet.text_of(cells)]
    first = next(row for row in sheet.order() if row in rows)
    return table.file(KIND, "lines of dividends", Expect.NOTED, (line(table.line(first) - 1),))


def dividends_cut_short(chance: Chance) -> PriceFile:
    """Put a line of a dividend with two cells between the rows, as it is copied from the page."""
    table = a_table(chance, BY_NAME["yahoo's page"])
    row = chance.randrange(2, len(table.walk) - 1)
    text = table.sheet.text_of([table.sheet.column("date").cells[row], "0.25 Dividend"])
    table.sheet.inserted[row] = [text]
    return table.file(KIND, "a short line of a dividend", Expect.EITHER)


def same_rows_twice(chance: Chance) -> PriceFile:
    """Repeat rows as they are, as two downloads that overlap."""
    table = a_table(chance, chance.choice(_BARS))
    row = chance.randrange(1, len(table.walk) - 1)
    again = table.sheet.text_of(table.sheet.cells(row) + [""] * table.sheet.is_ragged)
    table.sheet.inserted[row] = [again]
    return table.file(KIND, "a row twice", Expect.NOTED)


def out_of_order(chance: Chance) -> PriceFile:
    """Put the last quarter of the rows first."""
    table = a_table(chance, BY_NAME["stooq"])
    sheet, rows = table.sheet, list(range(len(table.walk)))
    cut = chance.randrange(5, len(rows) - 5)
    turned = rows[cut:] + rows[:cut]
    for column in sheet.columns:
        column.cells = [column.cells[row] for row in turned]
    return table.file(KIND, "halves in the wrong order", Expect.EITHER)


def other_prices_for_a_day(chance: Chance) -> PriceFile:
    """Give a day twice, with other prices."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "alpha vantage", "yahoo"))])
    row = chance.randrange(1, len(table.walk) - 1)
    cells = table.sheet.cells(row)
    for at, column in enumerate(table.sheet.columns):
        if column.role in PRICES:
            price = table.walk.bars["close" if column.role == "adj" else column.role][row] * 1.02
            cells[at] = table.sheet.style.write(price, table.sheet.decimals)
    if cells == table.sheet.cells(row):
        cells[2] += "1"
    table.sheet.inserted[row] = [table.sheet.text_of(cells)]
    number, date = table.line(row), table.walk.days[row]
    said = ((*line(number), *line(number - 1), str(date)),)
    return table.file(KIND, "a day twice, other prices", Expect.FAULTY, said)


def no_price_at_all(chance: Chance) -> PriceFile:
    """Write zero, or less, for a price."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "yahoo", "nasdaq", "alpha vantage"))])
    row = chance.randrange(len(table.walk))
    value = chance.choice((0.0, 0.0, -1.0)) * table.walk.bars["close"][row]
    fields: Sequence[str] = FIELDS if chance.random() < 0.4 else (chance.choice(FIELDS),)
    if chance.random() < 0.2:
        # nothing was traded: as Korean vendors say it
        fields = ("open", "high", "low")
    for field in fields:
        table.sheet.price(row, field, abs(value) if value == 0 else value)
    return table.file(
        KIND, "zero, or less", Expect.FAULTY, (line(table.line(row)),), by_reader=False
    )


def impossible_bar(chance: Chance) -> PriceFile:
    """Write a low above the open or the close, or a high below them."""
    table = a_table(
        chance, BY_NAME[chance.choice(("stooq", "nasdaq", "alpha vantage", "tushare", "yahoo"))]
    )
    row = chance.randrange(len(table.walk))
    bars = table.walk.bars
    if chance.random() < 0.5:
        table.sheet.price(row, "low", max(bars["open"][row], bars["close"][row]) * 1.05)
    else:
        table.sheet.price(row, "high", min(bars["open"][row], bars["close"][row]) * 0.95)
    return table.file(
        KIND, "an impossible bar", Expect.FAULTY, (line(table.line(row)),), by_reader=False
    )


def fields_exchanged(chance: Chance) -> PriceFile:
    """Exchange the heads of high and low, or of open and high."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "nasdaq", "yahoo", "tiingo"))])
    one, other = chance.choice((("high", "low"), ("open", "high"), ("close", "low")))
    first, second = table.sheet.column(one), table.sheet.column(other)
    first.head, second.head = second.head, first.head
    return table.file(KIND, "heads exchanged", Expect.FAULTY, by_reader=False)


def part_of_a_row(chance: Chance) -> PriceFile:
    """Leave out some of a row's prices."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "alpha vantage", "nasdaq"))])
    row, nothing = chance.randrange(len(table.walk)), chance.choice(_NOTHING)
    for field in chance.sample(FIELDS, chance.randrange(1, 4)):
        table.sheet.change(row, field, lambda _: nothing)
    return table.file(KIND, "a part of a row", Expect.FAULTY, (line(table.line(row)),))


def sums_below(chance: Chance) -> PriceFile:
    """Put a line of averages below the rows."""
    table = a_table(chance, BY_NAME["stooq"])
    bars, sheet = table.walk.bars, table.sheet
    means = [PLAIN.write(sum(bars[field]) / len(table.walk), sheet.decimals) for field in FIELDS]
    head = chance.choice(("Average", "Mean", "", "Total"))
    sheet.footer = [sheet.text_of([head, *means, ""])]
    return table.file(KIND, "averages below", Expect.EITHER)


def an_unfinished_day(chance: Chance) -> PriceFile:
    """End with today's bar, of which nobody knows whether it is finished."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=each) for each in range(120)]
    walk = a_walk(chance, calendar="24/7", days=days[::-1])
    return a_table(chance, BY_NAME["tradingview"], walk=walk).file(
        KIND, "today's bar", Expect.EITHER
    )


SOUND: Final = (
    no_noise,
    empty_rows,
    newest_row_empty,
    dividends_between,
    as_vendors_do,
    no_noise,
    same_rows_twice,
    newest_row_empty,
)
FAULTY: Final = (
    other_prices_for_a_day,
    no_price_at_all,
    impossible_bar,
    part_of_a_row,
    impossible_bar,
    fields_exchanged,
    no_price_at_all,
    dividends_cut_short,
    out_of_order,
    sums_below,
    an_unfinished_day,
)
