"""C: the shape of lines: heads, what is before and after, too many cells and too few."""

import gzip
import io
import re
import zipfile
from typing import Final

from tools.price_files.dates import STYLES
from tools.price_files.layouts_english import ENGLISH
from tools.price_files.numbers import AMERICAN, COMMA, PLAIN, TRIMMED
from tools.price_files.price_file import NO_HEADER, Expect, PriceFile, Said, counts, line, truth_of
from tools.price_files.sessions import EVERY_DAY, WEEKDAYS
from tools.price_files.sheet import Column
from tools.price_files.tables import BY_NAME, LAYOUTS, Table, a_table
from tools.price_files.walks import COIN, DEAR, FIELDS, SHARE, Chance, a_walk

KIND: Final = "C lines"

_PREAMBLES: Final = (
    ("Historical prices",),
    ("AAPL", "Apple Inc.", ""),
    ("Symbol: AAPL", "Period: 2024-01-01 - 2024-07-12", "Currency: USD", ""),
    ("# downloaded from our data platform", "# do not redistribute"),
    ("Report generated 12/07/2024 08:15",),
    ("Name,Apple Inc.", "ISIN,US0378331005", ""),
    ("", ""),
    ("Apple Inc. (AAPL), NASDAQ, daily, in USD, adjusted for splits",),
    ("Company: ACME; Sector: Technology; Source: Exchange",),
    ("Data provided for free by the exchange. 15 minutes delayed, and more",),
)
_FOOTERS: Final = (
    ("", "Source: the exchange"),
    ('"Downloaded from Barchart.com as of 07-13-2024 08:00am CDT"',),
    ("# end of file",),
    ("", ""),
    ("(c) 2024 a vendor. All rights reserved, in all countries.",),
    ("(250 rows)",),
    ("*Close price adjusted for splits.**Adjusted close price adjusted for dividends.",),
    ("Values in USD; delayed",),
)
_PLAIN: Final = [layout for layout in ENGLISH if not layout.preamble and not layout.footer]
_REFUSED_TEXTS: Final = (
    "Too Many Requests\r\n",
    "Exceeded the daily hits limit\n",
    "No data",
    "404 page not found\n",
    "Edge: Too Many Requests",
    "Invalid API call. Please retry or visit the documentation\n",
    "Forbidden: the key has expired",
    '{\n    "Information": "The daily limit of requests for this key has been reached."\n}\n',
    '{"Error Message": "Invalid API call. Please retry with a symbol that is known."}',
    '{"code": 429, "message": "You have run out of API credits.", "status": "error"}',
    '{"detail": "Not found."}',
)
_PAGES: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in</body></html>",
    b"<html>\r\n<head><title>503 Service Unavailable</title></head>\r\n<body></body></html>\r\n",
    b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>",
    b"",
    b"\n\n\n",
    b"Date,Open,High,Low,Close,Volume\n",
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    b"PAR1\x15\x04\x15\x10\x15\x14L\x15\x02\x15\x00",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    bytes(2000),
)


def before_and_after(chance: Chance) -> PriceFile:
    """Put lines without prices before the head, and after the rows."""
    table = a_table(chance, chance.choice(_PLAIN))
    if chance.random() < 0.75:
        table.sheet.preamble = [*chance.choice(_PREAMBLES)]
    if not table.sheet.preamble or chance.random() < 0.5:
        table.sheet.footer = [*chance.choice(_FOOTERS)]
    return table.file(KIND, "lines before and after")


def excel_says_its_mark(chance: Chance) -> PriceFile:
    """Begin with `sep=`, as Excel wants it."""
    semicolons = chance.random() < 0.6
    layout = BY_NAME[
        chance.choice(("excel", "ariva", "onvista") if semicolons else ("stooq", "yahoo"))
    ]
    delimiter = ";" if semicolons else chance.choice(",\t|")
    table = a_table(chance, layout, delimiter=delimiter)
    table.sheet.preamble = [f"{chance.choice(('sep', 'sep', 'SEP'))}={delimiter}"]
    return table.file(KIND, "sep=")


def units_below_heads(chance: Chance) -> PriceFile:
    """Put a second row of heads below the first, of units or types."""
    table = a_table(chance, BY_NAME["stooq"])
    columns = len(table.sheet.columns)
    table.sheet.more_heads = [
        chance.choice(
            (
                ["", *["USD"] * (columns - 1)],
                ["(UTC)", *["($)"] * (columns - 2), "shares"],
                ["date", *["float"] * (columns - 1)],
                ["yyyy-mm-dd", *["price"] * (columns - 2), "number"],
                ["-" * 10] * columns,
            )
        )
    ]
    return table.file(KIND, "units below the heads")


def line_ends(chance: Chance) -> PriceFile:
    """End lines otherwise, leave blank ones, or end the file without one."""
    table = a_table(chance, chance.choice(_PLAIN))
    table.sheet.ending = chance.choice(("\r\n", "\n", "\r", "\r\n"))
    table.sheet.has_final_ending = chance.random() < 0.5
    if table.sheet.ending != "\r" and chance.random() < 0.5:
        rows = chance.sample(range(1, len(table.walk)), 3)
        table.sheet.inserted = {row: [""] for row in rows}
    return table.file(KIND, "ends of lines")


def other_marks(chance: Chance) -> PriceFile:
    """Separate cells by tabs, semicolons or bars, quoted or with spaces."""
    delimiter = chance.choice("\t;|")
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "yahoo"))], delimiter=delimiter)
    table.sheet.quoting = chance.choice(("minimal", "all"))
    expect = Expect.EITHER if delimiter == "|" else Expect.SOUND
    return table.file(KIND, f"separated by {delimiter!r}", expect)


def as_vendors_do(chance: Chance) -> PriceFile:
    """Make a vendor's file as it is."""
    return a_table(chance).file(KIND, "as it is")


def more_empty_cells(chance: Chance) -> PriceFile:
    """Give empty columns that a spreadsheet left at the right."""
    table = a_table(chance, BY_NAME["stooq"])
    for _ in range(chance.randrange(1, 4)):
        table.sheet.insert(len(table.sheet.columns), "", "empty", [""] * len(table.walk))
    if chance.random() < 0.5:
        width = len(table.sheet.columns) - 1
        table.sheet.footer = ["," * width] * chance.randrange(1, 4)
    return table.file(KIND, "empty columns and rows of a spreadsheet")


def unquoted(chance: Chance) -> PriceFile:
    """Write thousands, or decimal commas, between commas without quotes."""
    few = chance.random() < 0.3
    if chance.random() < 0.5:
        table = a_table(
            chance, BY_NAME["fred" if few else "stooq"], style=COMMA, scale=SHARE, delimiter=";"
        )
        shape = "decimal commas unquoted"
    else:
        table = a_table(chance, BY_NAME["fred" if few else "stooq"], style=AMERICAN, scale=DEAR)
        shape = "thousands unquoted"
    table.sheet.delimiter, table.sheet.quoting = ",", "none"
    table.sheet.is_newest_first = chance.random() < 0.3
    return _too_many(table, shape)


def a_few_unquoted(chance: Chance) -> PriceFile:
    """Leave out the quotes of volumes, or of one row."""
    table = a_table(chance, BY_NAME["marketwatch"])
    row = chance.randrange(len(table.walk))
    volumes = chance.random() < 0.4
    for each in range(len(table.walk)) if volumes else (row,):
        cells = table.sheet.cells(each)
        if not volumes:
            cells[1] = f"1,{cells[1]}"
        table.sheet.lines[each] = ",".join(cells)
    return _too_many(table, "volumes unquoted" if volumes else "one row unquoted")


def _too_many(table: Table, shape: str) -> PriceFile:
    heads = len(table.sheet.columns)
    for row in table.sheet.order():
        found = table.sheet.lines.get(row)
        cells = (found or ",".join(table.sheet.cells(row))).count(",") + 1
        if cells != heads and (found is not None or table.sheet.quoting == "none"):
            said = (line(table.line(row)), counts(heads), counts(cells))
            return table.file(KIND, shape, Expect.FAULTY, said)
    return table.file(KIND, shape)


def cut_off(chance: Chance) -> PriceFile:
    """End the file within its last line: a cell is missing, or half of a price."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "nasdaq", "alpha vantage", "yahoo"))])
    row = table.sheet.order()[-1]
    cells = table.sheet.cells(row)
    kept = chance.randrange(1, len(cells) - 1)
    rest = cells[kept]
    text = ",".join([*cells[:kept], rest[: chance.randrange(1, len(rest) + 1)]])
    table.sheet.lines[row] = text
    table.sheet.has_final_ending = False
    return table.file(KIND, "cut off in the last line", Expect.FAULTY, (line(table.line(row)),))


def a_cell_missing(chance: Chance) -> PriceFile:
    """Lose one cell of one line, so that the others move to the left."""
    table = a_table(chance, BY_NAME[chance.choice(("stooq", "yahoo", "eodhd"))])
    row = chance.randrange(len(table.walk))
    cells = table.sheet.cells(row)
    del cells[chance.randrange(1, len(cells) - 1)]
    table.sheet.lines[row] = ",".join(cells)
    return table.file(KIND, "a cell too few", Expect.FAULTY, (line(table.line(row)),))


def head_again(chance: Chance) -> PriceFile:
    """Repeat the head where two downloads were joined."""
    table = a_table(chance, chance.choice(_PLAIN))
    head = table.sheet.text_of([each.head for each in table.sheet.columns])
    table.sheet.inserted = {chance.randrange(1, len(table.walk)): [head]}
    return table.file(KIND, "the head again", Expect.EITHER)


def other_head_again(chance: Chance) -> PriceFile:
    """Join two downloads whose columns are in another order."""
    table = a_table(chance, BY_NAME["stooq"])
    cut = chance.randrange(5, len(table.walk) - 5)
    fields = ["Date", "Close", "Open", "High", "Low", "Volume"]
    table.sheet.inserted = {cut: [",".join(fields)]}
    for row in range(cut, len(table.walk)):
        cells = table.sheet.cells(row)
        table.sheet.lines[row] = ",".join([cells[0], cells[4], *cells[1:4], cells[5]])
    return table.file(KIND, "another head in the middle", Expect.FAULTY)


def no_head(chance: Chance) -> PriceFile:
    """Leave the head out, as Binance, Kraken, MetaTrader 4 and others do."""
    name = chance.choice(("binance", "stooq", "two", "metatrader 4", "kraken", "kibot", "excel"))
    said: tuple[Said, ...] = (NO_HEADER,)
    if name == "two":
        walk = a_walk(chance)
        cells = [PLAIN.write(each, walk.decimals) for each in walk.bars["close"]]
        table = a_table(chance, BY_NAME["fred"], walk=walk)
        table.sheet.columns[1:] = [Column("", "close", cells)]
    elif name == "metatrader 4":
        table = a_table(chance, BY_NAME["stooq"], date_style=STYLES["dots-year"])
        table.sheet.insert(1, "", "time", ["00:00"] * len(table.walk))
    elif name == "kraken":
        walk = a_walk(chance, calendar=EVERY_DAY)
        table = a_table(chance, BY_NAME["stooq"], walk=walk, date_style=STYLES["seconds"])
    elif name == "kibot":
        table = a_table(chance, BY_NAME["stooq"], date_style=STYLES["american"])
    else:
        table = a_table(chance, BY_NAME[name])
    if name == "binance":
        said = ()
    table.sheet.has_head = False
    return table.file(KIND, f"no head: {name}", Expect.EITHER, said)


def no_table(chance: Chance) -> PriceFile:
    """Post what a vendor sends in place of prices."""
    if chance.random() < 0.5:
        text = chance.choice(_REFUSED_TEXTS)
        sentence = re.search(r'(?:Message|Information|message|detail)": "([^"]+)', text)
        said = ((re.escape(sentence.group(1)[:40]),),) if sentence else ()
        return PriceFile(KIND, "a vendor's sentence", text.encode(), Expect.FAULTY, said=said)
    page = chance.choice(_PAGES)
    return PriceFile(KIND, "no table at all", page, Expect.FAULTY)


def packed(chance: Chance) -> PriceFile:
    """Post a table that is packed, or a workbook, as if it were text."""
    content = a_table(chance, BY_NAME["stooq"]).sheet.content()
    if chance.random() < 0.5:
        return PriceFile(KIND, "packed by gzip", gzip.compress(content, mtime=0), Expect.FAULTY)
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), content)
    return PriceFile(KIND, "a workbook", into.getvalue(), Expect.FAULTY)


def heads_of_nothing(chance: Chance) -> PriceFile:
    """Name no column so that it can be told which one is the close."""
    walk = a_walk(chance, calendar=WEEKDAYS)
    table = a_table(chance, BY_NAME["stooq"], walk=walk, style=TRIMMED)
    names = chance.choice((["a", "b", "c", "d"], ["v1", "v2", "v3", "v4"], ["1", "2", "3", "4"]))
    for field, head in zip(FIELDS, chance.sample(names, 4), strict=True):
        table.sheet.column(field).head = head
    return table.file(
        KIND,
        "heads that say nothing",
        Expect.FAULTY,
        ((r"column", r"head", r"close", r"instruments"),),
    )


def short_rows_of_binance(chance: Chance) -> PriceFile:
    """Cut a headless file's columns to five, in an order that nobody can know."""
    walk = a_walk(chance, calendar=EVERY_DAY, scale=COIN)
    table = a_table(chance, BY_NAME["stooq"], walk=walk, date_style=STYLES["seconds"])
    table.sheet.remove("volume")
    columns = table.sheet.columns
    table.sheet.columns = [columns[0], *chance.sample(columns[1:], 4)]
    table.sheet.has_head = False
    return PriceFile(
        KIND,
        "no head, any order",
        table.sheet.content(),
        Expect.EITHER,
        truth_of(walk),
        said=(NO_HEADER,),
    )


def ragged_rows(chance: Chance) -> PriceFile:
    """End the rows, and not the head, with a delimiter, as Bombay does."""
    table = a_table(
        chance,
        chance.choice(
            [
                each
                for each in LAYOUTS
                if each.delimiters == (",",) and not each.is_ragged and each.quoting == ("minimal",)
            ]
        ),
    )
    for row in range(len(table.walk)):
        table.sheet.lines[row] = table.sheet.text_of([*table.sheet.cells(row), ""])
    return table.file(KIND, "rows end with a delimiter", Expect.EITHER)


SOUND: Final = (
    before_and_after,
    excel_says_its_mark,
    units_below_heads,
    line_ends,
    other_marks,
    more_empty_cells,
    as_vendors_do,
)
FAULTY: Final = (
    unquoted,
    a_few_unquoted,
    unquoted,
    cut_off,
    a_cell_missing,
    no_head,
    no_table,
    head_again,
    heads_of_nothing,
    other_head_again,
    packed,
    short_rows_of_binance,
    ragged_rows,
)
