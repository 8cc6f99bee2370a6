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
from app.market_data.anomalies import DataWarning
from app.market_data.price_files import instruments, layout, numbers, sessions, vendor_json
from app.market_data.price_files.adjustment import adjusted
from app.market_data.price_files.layout import PRICES, Layout, shown
from app.market_data.price_files.headings import Role
from app.market_data.price_files.numbers import NO_PRICE, Mark
from app.market_data.price_files.sheets import Row, Sheet, of_csv
from app.market_data.price_files.table import LeftOut, RawTable, Reading, Table
from app.market_data.price_validation import validate_bars

_EVENTS: Final = ("dividend", "split", "распредел", "配当", "分割", "分红", "拆", "배당", "분할")
"""Words of lines that tell of a dividend or a split and hold no session."""
EVENT_ROWS: Final = "event_rows"
"""The warning of such lines: they were left out as they should, and are no reason to refuse."""
_MAX_NAMED: Final = 12
"""Lines that a warning lists."""
_MAX_UNUSED: Final = 20
_MAX_LEFT_OUT: Final = 20


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
            read[name] = file.table(rows, zone, name)
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


class _File(NamedTuple):
    """A file whose columns are known, and whose rows are still to be read."""

    sheet: Sheet
    layout: Layout

    @classmethod
    def of(cls, content: bytes, wanted: Sequence[str] = ()) -> "_File":
        sheet = vendor_json.of_json(content)
        if sheet is None:
            sheet = of_csv(content, partial(layout.score, wanted=wanted))
        return cls(sheet, layout.find(sheet, wanted))

    def rows(self) -> list[Row]:
        """
        Return the rows below the header, of each only the cells of columns that are of use.

        Raises BadTable where one has more cells than the header.
        """
        found, unit = self.layout, self.sheet.unit
        places = [*found.roles.values(), *found.texts]
        prices = [found.roles[role] for role in PRICES if role in found.roles]
        width = len(found.head) or 1
        kept: list[Row] = []
        short: list[tuple[int, int]] = []
        for number, (line, cells) in enumerate(self.sheet.rows):
            if number < found.begins or cells[:width] == found.head:
                # a header may come again where files were put together
                continue
            if len(cells) > width and any(cells[width:]):
                if any(numbers.is_numeric(cells[at]) for at in prices):
                    raise self.fault(_not_as_many(unit, line, len(cells), width))
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
        named = sum(layout.is_instrument(head) for head in heads)
        if by is not None:
            plain = [head for head in heads if layout.is_same(head, by)]
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
            if any(cells[n].lower() not in NO_PRICE for n in at)
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
            read = _Rows(self.sheet, self.layout, rows, name)
            raw = read.raw(zone, is_flawed=False)
            _check_prices(raw, self.sheet.unit)
            return Table(
                adjusted(raw.columns), raw.dates, raw.lines, raw.warnings, read.reading(raw),
                self.sheet.unit,
            )  # fmt: skip
        except BadTable as error:
            raise self.fault(error) from None

    def raw(self, rows: Sequence[Row], name: str = "") -> RawTable:
        """Read the rows of one instrument as they are; raise BadTable."""
        try:
            return _Rows(self.sheet, self.layout, rows, name).raw(None, is_flawed=True)
        except BadTable as error:
            raise self.fault(error) from None

    def fault(self, error: BadTable) -> BadTable:
        """Add to an error what was read as what."""
        if error.reading is None:
            error.reading = str(_reading(self.sheet, self.layout))
        return error


class _Rows:
    """The rows of one instrument, on their way to a table."""

    def __init__(self, sheet: Sheet, found: Layout, rows: Sequence[Row], name: str) -> None:
        self.sheet, self.layout, self.unit = sheet, found, sheet.unit
        self.lines = [line for line, _ in rows]
        cells = list(zip(*(cells for _, cells in rows), strict=True))
        self.texts = dict(zip(found.roles, cells, strict=False))
        self.beside = cells[len(found.roles) :]
        self.name = name or found.instrument
        self.left_out: list[LeftOut] = []
        self.marks: set[Mark] = set()
        self.form: str | None = None
        self.kept: list[int] = []

    def raw(self, zone: ZoneInfo | None, *, is_flawed: bool) -> RawTable:
        """
        Read numbers, then dates, then put both in order.

        What `is_flawed` may keep days that come twice, and those without a price.
        """
        found = self._numbers()
        rows, warnings = self._with_prices(found, is_flawed=is_flawed)
        columns: dict[str, list[float]] = {
            role: [math.nan if column[row] is None else column[row] for row in rows]  # type: ignore[misc]
            for role, column in found.items()
        }
        self.kept = rows
        lines = [self.lines[row] for row in rows]
        volumes = self._volumes(rows)
        days = None
        if "date" in self.texts:
            written = [(self.lines[row], self.texts["date"][row]) for row in rows]
            times = None if "time" not in self.texts else [self.texts["time"][row] for row in rows]
            dated = sessions.dated(written, times, zone or self.sheet.zone, self.unit)
            self.form = dated.form
            order, told = sessions.in_order(
                dated.days, lines, columns, volumes, self.unit, is_flawed=is_flawed
            )
            warnings = [*dated.warnings, *told, *warnings]
            days = [dated.days[row] for row in order]
            lines = [lines[row] for row in order]
            columns = {role: [column[row] for row in order] for role, column in columns.items()}
            volumes = None if volumes is None else [volumes[row] for row in order]
        elif len(lines) > 1:
            message = (
                "no column holds dates, and the prices were taken as oldest first: add a column"
            )
            warnings.append(DataWarning("order_unknown", f"{message} Date"))
        if self.layout.unknown:
            message = (
                f"the column {shown(self.layout.unknown)!r} looks like prices and was not read: call"
                " columns Open, High, Low and Close"
            )
            warnings.append(DataWarning("unknown_column", message))
        return RawTable(columns, days, lines, warnings, self.layout.head, volumes)

    def reading(self, raw: RawTable) -> Reading:
        """Say how the rows were read."""
        return _reading(self.sheet, self.layout)._replace(
            dates=self.form,
            decimal="comma" if "," in self.marks else "point",
            instrument=shown(self.name) or self._only_instrument(self.kept),
            left_out=self.left_out[:_MAX_LEFT_OUT],
        )

    def _numbers(self) -> dict[str, list[float | None]]:
        """Read all columns of prices; None is what is neither a number nor known for none."""
        columns: dict[str, list[float | None]] = {}
        for role in PRICES:
            if role not in self.texts:
                continue
            cells = self.texts[role]
            read = None if numbers.is_either(cells) else numbers.plain(cells)
            if read is not None:
                columns[role] = list(read)
                continue
            column = numbers.Column.of(cells)
            mark = self._mark(role, column)
            self.marks.add(mark)
            columns[role] = numbers.read(cells, column, mark)
        return columns

    def _mark(self, role: Role, column: numbers.Column) -> Mark:
        own = self.layout.roles[role]
        others = (
            cell
            for _, row in self.sheet.first[self.layout.begins :]
            for at, cell in enumerate(row)
            if at != own and not layout.is_dated(cell)
        )
        dated = next(iter(self.texts.get("date", ())), "")
        try:
            return numbers.mark_of(
                column, others, self.sheet.delimiter, is_european=dated[2:3] == "." == dated[5:6]
            )
        except BadTable as error:
            head = shown(self.layout.head[own]) if self.layout.head else role
            raise BadTable(f"the column {head} {error}") from None

    def _with_prices(
        self, columns: dict[str, list[float | None]], *, is_flawed: bool
    ) -> tuple[list[int], list[DataWarning]]:
        """
        Return the rows that hold a price, and warn of dates that have none.

        Raises BadTable where a cell is something else than a price; what `is_flawed` may keep it.
        """
        made = list(columns.values())
        if all(None not in column and not math.isnan(sum(column)) for column in made):  # type: ignore[arg-type]
            # nearly always
            return list(range(len(self.lines))), []
        kept, empty, events = [], [], []
        for row, values in enumerate(zip(*made, strict=True)):
            known = sum(value is not None and value == value for value in values)  # noqa: PLR0124
            if known == len(values) or (known and None not in values):
                kept.append(row)
            elif None in values and self._is_event(row):
                events.append(row)
            elif not known and not self._has_date(row):
                self.left_out.append(LeftOut(self.lines[row], "no date and no price"))
            elif is_flawed:
                kept.append(row)
            elif None in values:
                raise self._no_number(row, columns)
            else:
                empty.append(row)
        self.left_out += [LeftOut(self.lines[row], "a dividend or a split") for row in events]
        self.left_out += [LeftOut(self.lines[row], "a date and no price") for row in empty]
        if not kept:
            raise BadTable(f"no {self.unit} of the file holds a price")
        warnings = self._warn_of_empty(empty, kept)
        if events:
            message = f"{self._places(events)}: dividends or splits, and no sessions: left out"
            warnings.append(DataWarning(EVENT_ROWS, message))
        return kept, warnings

    def _places(self, rows: Sequence[int]) -> str:
        """Name some lines."""
        listed = ", ".join(str(self.lines[row]) for row in rows[:_MAX_NAMED])
        more = f" and {len(rows) - _MAX_NAMED} more" if len(rows) > _MAX_NAMED else ""
        return f"{self.unit}{'s' if len(rows) > 1 else ''} {listed}{more}"

    def _warn_of_empty(self, empty: Sequence[int], kept: Sequence[int]) -> list[DataWarning]:
        if not empty:
            return []
        dates = self.texts.get("date")
        # the newest is at one end of a file or the other
        ends = [row for row in (empty[0], empty[-1]) if row < kept[0] or row > kept[-1]]
        newest = [row for row in ends if dates and self._is_newest(row, kept)]
        rows = sorted(empty, key=lambda row: row not in newest)
        when = ""
        if dates:
            when = f" ({shown(dates[rows[0]])}{', the newest' if newest else ''})"
        one = f"{self._places(rows)}{when}" if len(rows) == 1 else (
            f"{self._places(rows)}{when and f', the first of them{when}'}"
        )  # fmt: skip
        holds = "holds no price and was" if len(rows) == 1 else "hold no price and were"
        return [DataWarning("empty_rows", f"{one} {holds} left out")]

    def _is_newest(self, row: int, kept: Sequence[int]) -> bool:
        cells = self.texts["date"]
        try:
            one, other, last = sessions.days_of(
                [(0, cells[at]) for at in (row, kept[0], kept[-1])], self.unit
            )
        except BadTable:
            return False
        return one > max(other, last)

    def _is_event(self, row: int) -> bool:
        cells = [column[row] for column in (*self.texts.values(), *self.beside)]
        text = " ".join(cells).lower()
        return any(word in text for word in _EVENTS)

    def _has_date(self, row: int) -> bool:
        return "date" not in self.texts or layout.is_dated(self.texts["date"][row])

    def _no_number(self, row: int, columns: dict[str, list[float | None]]) -> BadTable:
        role = next(role for role, column in columns.items() if column[row] is None)
        return BadTable(f"{self.unit} {self.lines[row]}: {_field(role)} is no number")

    def _volumes(self, rows: Sequence[int]) -> list[float] | None:
        cells = self.texts.get("volume")
        if cells is None:
            return None
        own = [cells[row] for row in rows]
        return numbers.plain(own) or [numbers.volume(cell) for cell in own]

    def _only_instrument(self, rows: Sequence[int]) -> str | None:
        for at, column in zip(self.layout.texts, self.beside, strict=True):
            names = {column[row] for row in rows} - {""}
            if layout.is_instrument(self.layout.head[at]) and len(names) == 1:
                return shown(names.pop())
        return None


def _check_prices(raw: RawTable, unit: str) -> None:
    """Raise BadTable, by line, where a price is missing or impossible."""
    for role, column in raw.columns.items():
        if min(column) > 0 and sum(column) < math.inf:
            continue
        row = next(row for row, value in enumerate(column) if not 0 < value < math.inf)
        fault = "is missing" if math.isnan(column[row]) else "is not above zero"
        if column[row] == math.inf:
            fault = "is not finite"
        raise BadTable(f"{raw.place(row, unit)}: {_field(role)} {fault}")
    if all(field in raw.columns for field in BARS):
        try:
            validate_bars({field: raw.columns[field] for field in BARS})
        except BadPrice as error:
            field = (error.field or "").removeprefix("bars.")
            place = raw.place(error.index or 0, unit)
            raise BadTable(f"{place}: {field} {error.fault}") from None


def _field(role: str) -> str:
    return "adjusted close" if role == "adjusted" else role


def _not_as_many(unit: str, line: int, cells: int, heads: int) -> BadTable:
    hint = "put numbers with a comma in quotes, or separate cells by semicolons"
    if cells < heads:
        hint = "the line looks cut off, or lacks a cell"
    return BadTable(f"{unit} {line} has {cells} cells and the header {heads}: {hint}")


def _reading(sheet: Sheet, found: Layout) -> Reading:
    def head(at: int) -> str:
        return shown(found.head[at]) if at < len(found.head) else f"column {at + 1}"

    return Reading(
        encoding=sheet.encoding,
        delimiter=sheet.separated_by,
        header=found.line,
        columns={role: head(at) for role, at in found.roles.items()},
        unused=[shown(name) for name in found.unused[:_MAX_UNUSED]],
        dates=None,
        decimal="point",
        instrument=shown(found.instrument) or None,
        left_out=[],
    )
