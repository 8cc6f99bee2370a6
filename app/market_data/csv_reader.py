"""
What people have in their downloads folder: a CSV file of daily prices, of whatever origin.

Read are Yahoo's, Stooq's, Nasdaq's and Alpha Vantage's columns and their like, in any order,
newest or oldest first, with commas, semicolons or tabs, with decimal points or commas. What
cannot be read without guessing is refused, by line.
"""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain, islice, pairwise
from typing import Final, NamedTuple

from app.artifact.manifest import BARS, PriceField
from app.errors import BadTable
from app.market_data.anomalies import DataWarning
from app.market_data.csv_dates import dates_of
from app.market_data.csv_numbers import has_decimal_comma, number

MOST_ROWS: Final = 100_000
"""Four hundred years."""

_DELIMITERS: Final = ",;\t|"
_NOT_TEXT: Final = {
    b"PK\x03\x04": "this is a spreadsheet or a zip archive; save the sheet as CSV and send that",
    b"\xd0\xcf\x11\xe0": "this is an Excel workbook; save the sheet as CSV and send that",
    b"\x1f\x8b": "this is compressed; send it with Content-Encoding: gzip, or unpacked",
    b"%PDF": "this is a PDF; send the prices as CSV",
    b"PAR1": "this is a Parquet file; send the prices as CSV",
}
_NO_PRICE: Final = {"", "null", "nan", "none", "n/a", "#n/a", "na", "-", "."}
"""What vendors write for a day without trading."""

_Names = dict[str, tuple[str, ...]]
# the better name first: where there are both, it is taken
_NAMES: Final[_Names] = {
    "date": ("date", "timestamp", "datetime", "time", "day", "tradedate", "datum", "fecha"),
    "open": ("open", "1open", "openprice", "o", "erster", "eroffnung", "apertura", "ouverture"),
    "high": ("high", "2high", "highprice", "h", "hoch", "maximo", "haut"),
    "low": ("low", "3low", "lowprice", "l", "tief", "minimo", "bas"),
    "close": (
        "close", "4close", "closeprice", "closelast", "last", "price", "c",
        "schlusskurs", "schluss", "cierre", "cloture",
    ),
    "adjusted": ("adjclose", "adjustedclose", "5adjustedclose", "adjclose*", "adjclose**"),
    "instrument": ("ticker", "symbol", "instrument", "isin"),
}  # fmt: skip
_SIMPLE: Final = str.maketrans("äöüáéíóúèôß", "aouaeioueos")
_unneeded: Final = re.compile(r"[^a-z0-9]")
_figure: Final = re.compile(r"\s*[-+]?[0-9][0-9.,' ]*\s*")
_MOST_LINES: Final = 4 * MOST_ROWS
"""Blank ones, and those of footers and headers, included."""
_FIRST_ROWS: Final = 3
"""That tell the layout."""
_LONGEST_ROW: Final = 2**20
"""Characters: ten thousand columns, and a header that is taken apart in some milliseconds."""
_PART: Final = 2**16
"""Bytes that are looked at together."""


class Table(NamedTuple):
    """A file's sessions, oldest first."""

    columns: dict[PriceField, list[float]]
    """Those that the file has; adjusted for splits and dividends where it says how."""
    dates: list[date] | None
    lines: list[int]
    """The line of the file that each session is from, from 1."""
    warnings: list[DataWarning]

    def located(self, warning: DataWarning) -> DataWarning:
        """Say on which line of the file the row of a warning is."""
        if warning.row is None:
            return warning
        return warning._replace(message=f"line {self.lines[warning.row]}: {warning.message}")


class _Layout(NamedTuple):
    """Where in a line what is."""

    places: dict[str, int]
    begins: int
    """Lines before the first session."""


def read(content: bytes) -> Table:
    """
    Read a file; raise BadTable, by line, where it is none of daily prices.

    Of each line only the columns that are of use are kept: a file may hold thousands of others.
    """
    rows = _rows(content)
    first = list(islice(rows, _FIRST_ROWS))
    if not first:
        raise BadTable("the file is empty")
    found = _layout(first)
    head = first[0][1] if found.begins else None
    places = list(found.places.values())
    layout = _Layout({name: at for at, name in enumerate(found.places)}, found.begins)
    warnings: list[DataWarning] = []
    kept = [
        (line, [_cell(cells, at) for at in places])
        for line, cells in chain(first[found.begins :], rows)
        # a header may come again where files were put together
        if any(cell.strip() for cell in cells) and cells != head
    ]
    if not kept:
        raise BadTable("the file has a header and no prices below it")
    _one_instrument(kept, layout)
    prices = {name: at for name, at in layout.places.items() if name in {*BARS, "adjusted"}}
    traded = [
        (line, cells)
        for line, cells in kept
        if any(_cell(cells, at).lower() not in _NO_PRICE for at in prices.values())
    ]
    if not traded:
        raise BadTable("no line of the file holds a price")
    comma = has_decimal_comma(_cell(cells, at) for _, cells in traded for at in prices.values())
    columns = {
        name: [_price(line, name, _cell(cells, at), comma=comma) for line, cells in traded]
        for name, at in prices.items()
    }
    lines = [line for line, _ in traded]
    dates = None
    if "date" in layout.places:
        at = layout.places["date"]
        dates = dates_of([(line, _cell(cells, at)) for line, cells in traded])
        order = _order(dates, lines, warnings)
        dates = [dates[row] for row in order]
        lines = [lines[row] for row in order]
        columns = {name: [column[row] for row in order] for name, column in columns.items()}
    if len(kept) > len(traded):
        empty = len(kept) - len(traded)
        warnings.append(
            DataWarning("empty_rows", f"{empty} line(s) hold a date and no price: left out")
        )
    return Table(_adjusted(columns), dates, lines, warnings)


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Cut a file into its cells, with the line that each row ends in, without the blank first."""
    lines = _Lines(content)
    head = next((line for line in lines if line.strip()), "")
    _check_text(head)
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(chain([head], lines), delimiter=delimiter, strict=True)
    blank = lines.number - 1
    count = 0
    try:
        for cells in reader:
            lines.of_row = 0
            count += bool(cells)
            if count > MOST_ROWS:
                raise BadTable(f"the file has more than {MOST_ROWS} rows")
            if cells:
                yield blank + reader.line_num, cells
    except csv.Error:
        raise BadTable(f"line {blank + reader.line_num} is not CSV") from None


class _Lines:
    """
    The lines of a file, decoded one by one.

    Raises BadTable where a row is so long that to take it apart would keep everybody waiting.
    """

    def __init__(self, content: bytes) -> None:
        for magic, reason in _NOT_TEXT.items():
            if content.startswith(magic):
                raise BadTable(reason)
        self._file = io.TextIOWrapper(
            io.BytesIO(content), _encoding(content), errors="replace", newline=""
        )
        self.number = 0
        self.of_row = 0
        """Characters of the row that is being read."""

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_ROW):
            self.number += 1
            if self.number > _MOST_LINES:
                raise BadTable(f"the file has more than {_MOST_LINES} lines")
            self.of_row += len(line)
            if self.of_row >= _LONGEST_ROW:
                raise BadTable(f"line {self.number} is of more than {_LONGEST_ROW} characters")
            yield line


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in content:
        raise BadTable("this is no text; send the prices as CSV")
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(content)
    try:
        for start in range(0, len(view), _PART):
            decoder.decode(view[start : start + _PART])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        # whatever the letters are: the figures are the same
        return "latin-1"
    return "utf-8-sig"


def _check_text(head: str) -> None:
    """Raise BadTable where the first line is that of something else than a table."""
    start = head.lstrip()
    if not start:
        raise BadTable("the file is empty")
    if start[0] == "<" and not re.match(r"<[A-Z]+>[,;\t]", start):
        raise BadTable("this is a web page or XML, perhaps an error of the site; send CSV")
    if start[0] in "{[":
        raise BadTable("this is JSON; send it with Content-Type: application/json")


def _layout(rows: Sequence[tuple[int, list[str]]]) -> _Layout:
    head = rows[0][1]
    if len(head) == 1 and _figure.fullmatch(head[0]):
        # one column of figures, pasted
        return _Layout({"close": 0}, 0)
    simple = [_unneeded.sub("", cell.lower().translate(_SIMPLE)) for cell in head]
    places = {}
    for name, aliases in _NAMES.items():
        at = next((simple.index(alias) for alias in aliases if alias in simple), None)
        if at is not None:
            places[name] = at
    if simple[0] == "price" and [row[1][0].lower() for row in rows[1:2]] == ["ticker"]:
        # what pandas writes of yfinance's columns of two levels
        return _Layout({**{name: at for name, at in places.items() if at}, "date": 0}, 3)
    if not places.keys() & {*BARS, "adjusted"}:
        raise BadTable(
            "the first line names no column of prices; wanted are Date, and Close or Open, High,"
            " Low and Close"
        )
    return _Layout(places, 1)


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _one_instrument(rows: Sequence[tuple[int, list[str]]], layout: _Layout) -> None:
    at = layout.places.get("instrument")
    if at is None:
        return
    names = {_cell(cells, at) for _, cells in rows}
    if len(names) > 1:
        raise BadTable(f"the file holds {len(names)} instruments; send one at a time")


def _price(line: int, name: str, cell: str, *, comma: bool) -> float:
    value = math.nan if cell.lower() in _NO_PRICE else number(cell, comma=comma)
    if value is None:
        raise BadTable(f"line {line}: {name} is no number")
    if not (value > 0 and math.isfinite(value)):
        fault = "is missing" if math.isnan(value) else "is not above zero"
        raise BadTable(f"line {line}: {name} {fault}")
    return value


def _order(dates: Sequence[date], lines: Sequence[int], warnings: list[DataWarning]) -> list[int]:
    """Return the rows, oldest first, each date once; and say where a file was otherwise."""
    steps = list(pairwise(dates))
    if all(first < second for first, second in steps):
        return list(range(len(dates)))
    order: list[int] = []
    repeated = []
    for row in sorted(range(len(dates)), key=dates.__getitem__):
        if order and dates[row] == dates[order[-1]]:
            repeated.append(lines[row])
        else:
            order.append(row)
    if repeated:
        message = f"line {repeated[0]} has the date of another line, as have {len(repeated)} in"
        message += " all: the first of each day was taken"
        warnings.append(DataWarning("duplicate_date", message))
    newest_first = all(first >= second for first, second in steps)
    if not newest_first and not all(first <= second for first, second in steps):
        # against the order that most of the file has
        falls = sum(first > second for first, second in steps)
        rises = falls < len(steps) / 2
        row = next(
            row
            for row, (first, second) in enumerate(steps, 1)
            if (first > second if rises else first < second)
        )
        message = f"the dates are not in order, first at line {lines[row]}: they were sorted"
        warnings.append(DataWarning("unsorted_dates", message))
    return order


def _adjusted(columns: dict[str, list[float]]) -> dict[PriceField, list[float]]:
    """Undo splits and dividends where the file has adjusted closes, in units of the last close."""
    adjusted = columns.pop("adjusted", None)
    prices: dict[PriceField, list[float]] = {
        field: columns[field] for field in BARS if field in columns
    }
    if adjusted is None:
        return prices
    closes = prices.get("close")
    if closes is None:
        return {"close": adjusted}
    unit = closes[-1] / adjusted[-1]
    factors = [unit * after / before for after, before in zip(adjusted, closes, strict=True)]
    return {
        field: [price * factor for price, factor in zip(column, factors, strict=True)]
        for field, column in prices.items()
    }
