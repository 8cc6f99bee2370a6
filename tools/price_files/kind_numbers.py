"""D: what a mark in a number means, and what is no number."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tools.price_files.dates import STYLES
from tools.price_files.numbers import (
    AMERICAN,
    APOSTROPHE,
    COMMA,
    EUROPEAN,
    INDIAN,
    NARROW,
    NO_BREAK,
    PLAIN,
    SPACED,
    SWISS,
    SWISS_EXCEL,
    THIN,
    TRIMMED,
    NumberStyle,
)
from tools.price_files.price_file import Expect, PriceFile, line
from tools.price_files.tables import BY_NAME, a_table
from tools.price_files.walks import (
    COIN,
    DEAR,
    FIELDS,
    PENNY,
    SCALES,
    SHARE,
    SMALL_COIN,
    THREE,
    WHOLE,
    Chance,
    Scale,
    a_walk,
)

if TYPE_CHECKING:
    from tools.price_files.sheet import Column

KIND: Final = "D numbers"

_LAKH: Final = Scale(90_000, 190_000, 2)
_SEMICOLONS: Final = (COMMA, EUROPEAN, SPACED, NO_BREAK, NARROW, SWISS, PLAIN)
_COMMAS: Final = (AMERICAN, PLAIN, TRIMMED, THIN, SWISS, SWISS_EXCEL, INDIAN)
_PREFIXES: Final = (
    "$",
    "€",
    "£",
    "¥",
    "₹",
    "US$",
    "USD ",
    "EUR ",
    "Rs. ",
    "R$ ",
    "₩",
    "$ ",
    "CHF ",
)
_SUFFIXES: Final = (" €", " USD", "€", " kr", " zł", " EUR", " $", "円", "원", " CHF", " ₽", " TL")
_NO_NUMBERS: Final = (
    *(
        "about 190",
        "1O5.30",
        "12.34.56",
        "1,23,4.5",
        "#VALUE!",
        "#REF!",
        "########",
        "inf",
        "1e999",
    ),
    *("189..22", "--", "189.22x", "18 9.2 2", "=A1*2", "0x1F", "189.22 / 190", "~189", "1.2.3,4"),
)


def semicolons(chance: Chance) -> PriceFile:
    """Write European numbers between semicolons or tabs, three decimals too."""
    style = chance.choice(_SEMICOLONS)
    scale = (
        chance.choice((THREE, SHARE, DEAR, PENNY))
        if style.point == ","
        else chance.choice((SHARE, DEAR))
    )
    layout = BY_NAME[chance.choice(("stooq", "yahoo", "onvista", "alpha vantage"))]
    date_style = STYLES[chance.choice(("iso", "german"))]
    table = a_table(
        chance,
        layout,
        style=style,
        scale=scale,
        delimiter=";" if scale is THREE else chance.choice(";;\t"),
        date_style=date_style,
    )
    return table.file(KIND, f"{style.point} and {style.group or 'no'} groups")


def three_decimals(chance: Chance) -> PriceFile:
    """Write 18,450 between semicolons throughout, which is 18.45."""
    layout = BY_NAME[
        chance.choice(("onvista", "ariva", "a Russian broker", "b3", "a Turkish bank"))
    ]
    return a_table(chance, layout, style=COMMA, scale=THREE, delimiter=";").file(
        KIND, "three decimals with a comma"
    )


def commas(chance: Chance) -> PriceFile:
    """Write numbers with groups between commas, quoted."""
    style = chance.choice(_COMMAS)
    scale = _LAKH if style is INDIAN else chance.choice((SHARE, DEAR, PENNY, COIN, SMALL_COIN))
    table = a_table(chance, BY_NAME["stooq"], style=style, scale=scale)
    table.sheet.quoting = chance.choice(("all", "minimal"))
    return table.file(KIND, f"{style.point} and {style.group or 'no'} groups, commas between")


def quoted_decimal_commas(chance: Chance) -> PriceFile:
    """Write decimal commas in quotes between commas, with other than three decimals."""
    style = chance.choice((COMMA, EUROPEAN))
    table = a_table(
        chance, BY_NAME["stooq"], style=style, scale=chance.choice((SHARE, DEAR, PENNY))
    )
    table.sheet.quoting = chance.choice(("all", "minimal"))
    return table.file(KIND, "decimal commas in quotes")


def currencies(chance: Chance) -> PriceFile:
    """Write a currency before or behind each price."""
    prefix, suffix = (
        (chance.choice(_PREFIXES), "") if chance.random() < 0.5 else ("", chance.choice(_SUFFIXES))
    )
    delimiter = chance.choice(",;")
    base = (
        chance.choice((PLAIN, AMERICAN)) if delimiter == "," else chance.choice((COMMA, EUROPEAN))
    )
    style = NumberStyle(base.point, base.group, prefix=prefix, suffix=suffix)
    table = a_table(
        chance,
        BY_NAME["stooq"],
        style=style,
        delimiter=delimiter,
        scale=chance.choice((SHARE, DEAR)),
    )
    # an amount of shares has no currency
    return table.file(KIND, f"a currency: {prefix}{suffix}")


def small_numbers(chance: Chance) -> PriceFile:
    """Write prices so small that programs print them with an exponent."""
    scale = Scale(0.00002, 0.0009, 9, (0.02, 0.05))
    layout = BY_NAME[chance.choice(("yahoo", "coingecko", "stooq"))]
    walk = a_walk(chance, calendar="24/7", scale=scale)
    return a_table(chance, layout, walk=walk, style=TRIMMED, adjusted=walk.bars["close"]).file(
        KIND, "exponents"
    )


def whole_numbers(chance: Chance) -> PriceFile:
    """Write prices without decimals, as in yen and rupiah."""
    table = a_table(
        chance,
        BY_NAME[chance.choice(("stooq", "yahoo"))],
        style=PLAIN,
        scale=WHOLE,
        delimiter=chance.choice(",;\t"),
    )
    return table.file(KIND, "no decimals")


def any_scale(chance: Chance) -> PriceFile:
    """Write prices of any size and number of decimals."""
    scale = chance.choice((*SCALES, COIN, SMALL_COIN))
    return a_table(
        chance, BY_NAME["stooq"], style=chance.choice((PLAIN, TRIMMED)), scale=scale
    ).file(KIND, "any scale")


def columns_that_are_no_prices(chance: Chance) -> PriceFile:
    """Put percents, short volumes and changes beside the prices."""
    table = a_table(chance, BY_NAME["investing"])
    sheet, rows = table.sheet, len(table.walk)
    for head, cell in chance.sample(
        (
            ("Close %", "+0.31%"),
            ("High-Low %", "1.20 %"),
            ("Change", "\u22120.31"),
            ("Turnover", "1.2B"),
            ("Mkt Cap", "$2.98T"),
            ("Change (%)", "(0.31%)"),
            ("P/E", "31.2"),
            ("Open Interest", "1,204,112"),
            ("Prev Close", "1.00"),
            ("RSI14", "55.1"),
            ("Currency", "USD"),
            ("VWAP", "-"),
        ),
        3,
    ):
        sheet.insert(chance.randrange(1, len(sheet.columns) + 1), head, "other", [cell] * rows)
    return table.file(KIND, "columns that are no prices")


def mixed_by_column(chance: Chance) -> PriceFile:
    """Write prices with commas and what is beside them with points, as Nasdaq Nordic does."""
    table = a_table(chance, BY_NAME["nasdaq nordic"], style=COMMA)
    for role in ("bid", "ask", "middle"):
        cells = table.sheet.column(role).cells
        cells[:] = [cell.replace(",", ".") for cell in cells]
    return table.file(KIND, "commas and points by column")


def ambiguous(chance: Chance) -> PriceFile:
    """Write "18,450" between commas throughout: 18.45, or eighteen thousand."""
    walk = a_walk(chance, scale=Scale(6, 300, 3))
    layout = BY_NAME[chance.choice(("stooq", "wsj", "fred", "investing"))]
    table = a_table(chance, layout, walk=walk, style=COMMA, date_style=STYLES["iso"])
    # where a volume has decimals, they say what the mark is
    table.sheet.remove("volume", "volume-short", "percent", "change")
    table.sheet.quoting = chance.choice(("all", "minimal"))
    table.sheet.space = ""
    return table.file(KIND, "three digits behind every mark", Expect.FAULTY)


def no_number(chance: Chance) -> PriceFile:
    """Write something else in place of one price."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "alpha vantage"))], scale=SHARE)
    row, field = chance.randrange(len(table.walk)), chance.choice(FIELDS)
    table.sheet.change(row, field, lambda _: chance.choice(_NO_NUMBERS))
    return table.file(KIND, "one price that is none", Expect.FAULTY, (line(table.line(row)),))


def another_mark(chance: Chance) -> PriceFile:
    """Write the prices of one row, or of half of the file, with the other decimal mark."""
    table = a_table(chance, BY_NAME["stooq"], style=PLAIN, scale=chance.choice((SHARE, THREE)))
    half = chance.random() < 0.3
    row = chance.randrange(len(table.walk))
    rows = range(row, len(table.walk)) if half else (row,)
    for each in rows:
        for field in FIELDS:
            table.sheet.change(each, field, lambda cell: cell.replace(".", ","))
    shape = "another mark from a row on" if half else "another mark in one row"
    # of two decimals a comma is plain, and may be read; of three it may be of thousands
    return table.file(KIND, shape, Expect.EITHER)


def misplaced_groups(chance: Chance) -> PriceFile:
    """Group the digits of one price as no country does."""
    table = a_table(chance, BY_NAME["stooq"], style=AMERICAN, scale=DEAR)
    table.sheet.quoting = "all"
    row, field = chance.randrange(len(table.walk)), chance.choice(FIELDS)
    wrong = chance.choice(
        ("1,2345.00", "12,34.50", ",123.00", "1,,234.00", "1,234,56.00", "1,234.5,6")
    )
    table.sheet.change(row, field, lambda _: wrong)
    return table.file(KIND, "groups of no country", Expect.FAULTY, (line(table.line(row)),))


def hidden_by_a_spreadsheet(chance: Chance) -> PriceFile:
    """Save prices as a spreadsheet shows them in a narrow column, or in whole thousands."""
    table = a_table(chance, BY_NAME["stooq"], style=PLAIN, scale=SHARE)
    column = table.sheet.column(chance.choice(FIELDS))
    if chance.random() < 0.5:
        column.cells[:] = ["#####"] * len(table.walk)
        if column.role == "close":
            return table.file(KIND, "closes of #####", Expect.FAULTY)
        # what the other columns say is right, and may be all that is read
        truth = table.truth()
        left = {field: bar for field, bar in truth.bars.items() if field != column.role}
        truth = replace(truth, bars=left)
        return table.file(KIND, "a column of #####", Expect.EITHER, truth=truth, by_reader=False)
    row = chance.randrange(len(table.walk))
    column.cells[row] = column.cells[row] + chance.choice(("K", "M", "%"))
    return table.file(KIND, "a price in thousands", Expect.FAULTY, (line(table.line(row)),))


def apostrophes(chance: Chance) -> PriceFile:
    """Quote every number by an apostrophe, by which spreadsheets keep text as it is."""
    table = a_table(chance, BY_NAME["stooq"], style=PLAIN)
    mark = chance.choice(("'", APOSTROPHE))
    for field in FIELDS:
        column: Column = table.sheet.column(field)
        column.cells[:] = [mark + cell for cell in column.cells]
    return table.file(KIND, "an apostrophe before each price", Expect.EITHER)


SOUND: Final = (
    semicolons,
    three_decimals,
    commas,
    quoted_decimal_commas,
    currencies,
    small_numbers,
    whole_numbers,
    any_scale,
    columns_that_are_no_prices,
    mixed_by_column,
)
FAULTY: Final = (
    ambiguous,
    ambiguous,
    no_number,
    another_mark,
    misplaced_groups,
    no_number,
    hidden_by_a_spreadsheet,
    apostrophes,
)
