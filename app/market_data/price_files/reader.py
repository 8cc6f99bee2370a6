"""
The one reader of price files: what people have in their downloads folder, of whatever origin.

Read are the files of the large vendors and what pandas, R and Excel make of them, in any order,
newest or oldest first. What cannot be read without guessing is refused, by line, with what was
read as what. `/predict`, `/bars`, the page, the clients' frames and training all read by it.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.artifact.manifest import BARS
from app.errors import BadPrice, BadTable
from app.market_data.price_files import instruments, layout
from app.market_data.price_files.adjustment import adjusted
from app.market_data.price_files.cells import numbers
from app.market_data.price_files.columns import PRICES, is_dated, is_instrument, is_same
from app.market_data.price_files.layout import Layout
from app.market_data.price_files.quoting import shown
from app.market_data.price_files.rows import Rows, field_name, reading_of
from app.market_data.price_files.sheets import vendor_json
from app.market_data.price_files.sheets.csv_sheet import Row, Sheet, of_csv
from app.market_data.price_files.table import LeftOut, RawTable, Table
from app.market_data.price_validation import validate_bars


def read(content: bytes, zone: ZoneInfo | None = None) -> Table:
    """
    Read a file of one instrument's daily prices, every one of them a finite number above zero.

    Time stamps are of days in `zone`, the exchange's, where it is given. Raises BadTable, by line
    and with what was read as what, where the file is none, or one of several instruments.
    """
    file = _File.of(content)
    return file.table(file.one_instrument(), zone)


def read_many(content: bytes, zone: ZoneInfo | None = None) -> dict[str, Table | BadTable]:
    """
    Read a file of many instruments below each other, by the column that names them.

    What is wrong with one instrument stands in its place. Raises BadTable for what is wrong with
    the file.
    """
    file = _File.of(content)
    read: dict[str, Table | BadTable] = {}
    for name, rows in file.instruments().items():
        try:
            table = file.table(rows, zone, name)
            read[name or table.reading.instrument or ""] = table
        except BadTable as fault:
            read[name] = fault
    return read


def read_raw(
    content: bytes, wanted: Sequence[str] = (), *, by: str | None = None, is_long: bool = False
) -> dict[str | None, RawTable]:
    """
    Read a file to fit on: as it is, for the checks of training to flag what is wrong in it.

    What is no price is NaN, a day may come twice, and nothing is adjusted. Of the columns `wanted`
    the first that the file has is read beside those of prices. The file is of one instrument, under
    None, unless `is_long`: then it is split by the column `by`, or by that which names instruments.
    Raises BadTable as `read` does.
    """
    file = _File.of(content, wanted)
    if is_long or by is not None:
        by_name = file.instruments(by)
        return {name or None: file.raw(rows, name) for name, rows in by_name.items()}
    return {None: file.raw(file.one_instrument())}


_MAX_HEADS: Final = 8
"""That are said of a file whose columns were not found."""


class _File(NamedTuple):
    """A file whose columns are known, and whose rows are still to be read."""

    sheet: Sheet
    layout: Layout
    dropped: list[LeftOut]
    """Lines with more cells than the header, and neither a date nor a price."""

    @classmethod
    def of(cls, content: bytes, wanted: Sequence[str] = ()) -> "_File":
        sheet = vendor_json.of_json(content)
        if sheet is None:
            sheet = of_csv(content, partial(layout.score, wanted=wanted))
        try:
            return cls(sheet, layout.find(sheet, wanted), [])
        except BadTable as error:
            line, cells = sheet.first[0]
            heads = ", ".join(repr(shown(cell)) for cell in cells[:_MAX_HEADS])
            error.reading = (
                f"read as {sheet.encoding}, {sheet.separated_by}; {sheet.unit} {line} has"
                f" {len(cells)} cells: {heads}{', ..' if len(cells) > _MAX_HEADS else ''}"
            )
            raise

    def rows(self) -> list[Row]:
        """
        Return the rows below the header, of each only the cells of columns that are of use.

        Raises BadTable where one has more cells than the header.
        """
        found, unit = self.layout, self.sheet.unit
        places = [*found.roles.values(), *found.texts]
        prices = [found.roles[role] for role in PRICES if role in found.roles]
        day = found.roles.get("date")
        width = len(found.head) or 1
        kept: list[Row] = []
        short: list[tuple[int, int]] = []
        for number, (line, cells) in enumerate(self.sheet.rows):
            if number < found.begins or cells[:width] == found.head:
                # a header may come again where files were put together
                continue
            if len(cells) > width and any(cells[width:]):
                is_session = day is None or is_dated(cells[day])
                if is_session and any(numbers.is_numeric(cells[at]) for at in prices):
                    raise self.fault(_not_as_many(unit, line, len(cells), width))
                self.dropped.append(LeftOut(line, "more cells than the header, and no session"))
                continue
            if len(cells) < width:
                if any(at < len(cells) and numbers.is_numeric(cells[at]) for at in prices):
                    short.append((line, len(cells)))
                cells = [*cells, *[""] * (width - len(cells))]  # noqa: PLW2901 - the same row
            kept.append((line, [cells[at] for at in places]))
        if not kept:
            raise BadTable("the file has a header and no prices below it")
        if short and len(short) * 2 <= len(kept):
            # else the header has a cell too many
            raise self.fault(_not_as_many(unit, *short[0], width))
        return kept

    def split(self, rows: Sequence[Row], by: str | None = None) -> instruments.Split | None:
        """Find which rows are of which instrument; None where all are of one."""
        texts = self.layout.texts
        first = len(self.layout.roles)
        heads = [self.layout.head[at] for at in texts]
        columns = [[cells[first + number] for _, cells in rows] for number in range(len(texts))]
        named = sum(is_instrument(head) for head in heads)
        if by is not None:
            plain = [head for head in heads if is_same(head, by)]
            if not plain:
                listed = ", ".join(map(shown, filter(None, self.layout.head)))
                raise BadTable(
                    f"no column of texts is called {shown(by)}; the columns are {listed}"
                )
            at = heads.index(plain[0])
            heads, columns, named = [heads[at]], [columns[at]], 1
        if not columns:
            return None
        priced = self._priced(rows)
        dates = list(self.layout.roles).index("date") if "date" in self.layout.roles else None
        found = instruments.split(
            heads,
            [[column[row] for row in priced] for column in columns],
            [] if dates is None else [rows[row][1][dates] for row in priced],
            named=named,
        )
        if found is None:
            return None
        return found._replace(
            rows={name: [priced[row] for row in own] for name, own in found.rows.items() if name}
        )

    def _priced(self, rows: Sequence[Row]) -> list[int]:
        """Return the rows that hold a price: a footer names no instrument."""
        at = [n for n, role in enumerate(self.layout.roles) if role in PRICES]
        return [
            row for row, (_, cells) in enumerate(rows)
            if any(cells[n].lower() not in numbers.NO_PRICE for n in at)
        ]  # fmt: skip

    def one_instrument(self) -> list[Row]:
        """Return all rows; raise BadTable where they are of several instruments."""
        rows = self.rows()
        found = self.split(rows)
        if found is not None:
            raise self.fault(instruments.refuse(found))
        return rows

    def instruments(self, by: str | None = None) -> dict[str, list[Row]]:
        """Return the rows of each instrument; of one alone where nothing tells them apart."""
        rows = self.rows()
        found = self.split(rows, by)
        if found is None:
            return {"": rows}
        return {name: [rows[row] for row in own] for name, own in found.rows.items()}

    def table(self, rows: Sequence[Row], zone: ZoneInfo | None, name: str = "") -> Table:
        """Read the rows of one instrument; raise BadTable with what was read as what."""
        try:
            read = Rows(self.sheet, self.layout, rows, name, self.dropped)
            raw = read.raw(zone, is_flawed=False)
            _check_prices(raw, self.sheet.unit)
            return Table(
                adjusted(raw.columns), raw.dates, raw.lines, raw.warnings, read.reading(),
                self.sheet.unit,
            )  # fmt: skip
        except BadTable as error:
            raise self.fault(error) from None

    def raw(self, rows: Sequence[Row], name: str = "") -> RawTable:
        """Read the rows of one instrument as they are; raise BadTable."""
        try:
            return Rows(self.sheet, self.layout, rows, name, []).raw(None, is_flawed=True)
        except BadTable as error:
            raise self.fault(error) from None

    def fault(self, error: BadTable) -> BadTable:
        """Add to an error what was read as what."""
        if error.reading is None:
            error.reading = str(reading_of(self.sheet, self.layout))
        return error


def _check_prices(raw: RawTable, unit: str) -> None:
    """Raise BadTable, by line, where a price is missing or impossible."""
    for role, column in raw.columns.items():
        if min(column) > 0 and sum(column) < math.inf:
            continue
        row = next(row for row, value in enumerate(column) if not 0 < value < math.inf)
        fault = "is missing" if math.isnan(column[row]) else "is not above zero"
        if column[row] == math.inf:
            fault = "is not finite"
        raise BadTable(f"{raw.place(row, unit)}: {field_name(role)} {fault}")
    if all(field in raw.columns for field in BARS):
        try:
            validate_bars({field: raw.columns[field] for field in BARS})
        except BadPrice as error:
            field = (error.field or "").removeprefix("bars.")
            place = raw.place(error.index or 0, unit)
            raise BadTable(f"{place}: {field} {error.fault}") from None


def _not_as_many(unit: str, line: int, cells: int, heads: int) -> BadTable:
    hint = "put numbers with a comma in quotes, or separate cells by semicolons"
    if cells < heads:
        hint = "the line looks cut off, or lacks a cell"
    return BadTable(f"{unit} {line} has {cells} cells and the header {heads}: {hint}")
