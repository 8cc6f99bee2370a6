"""The rows of one instrument in a file: numbers and dates read, put in order, and told of."""

import math
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from app.errors import BadTable
from app.market_data.anomalies import DataWarning
from app.market_data.price_files import sessions
from app.market_data.price_files.cells import numbers
from app.market_data.price_files.cells.headings import Role
from app.market_data.price_files.cells.numbers import Mark
from app.market_data.price_files.columns import PRICES, is_dated, is_instrument
from app.market_data.price_files.layout import Layout
from app.market_data.price_files.quoting import shown
from app.market_data.price_files.sheets.csv_sheet import Row, Sheet
from app.market_data.price_files.table import LeftOut, RawTable, Reading

_EVENTS: Final = ("dividend", "split", "распредел", "配当", "分割", "分红", "拆", "배당", "분할")
"""Words of lines that tell of a dividend or a split and hold no session."""
_MAX_NAMED: Final = 12
"""Lines that a warning lists."""
_MAX_UNUSED: Final = 20
_MAX_LEFT_OUT: Final = 20


class Rows:
    """The rows of one instrument, on their way to a table."""

    def __init__(
        self,
        sheet: Sheet,
        found: Layout,
        rows: Sequence[Row],
        name: str,
        left_out: Sequence[LeftOut],
    ) -> None:
        self.sheet, self.layout, self.unit = sheet, found, sheet.unit
        self.lines = [line for line, _ in rows]
        cells = list(zip(*(cells for _, cells in rows), strict=True))
        self.texts = dict(zip(found.roles, cells, strict=False))
        self.beside = cells[len(found.roles) :]
        self.name = name or found.instrument
        self.left_out: list[LeftOut] = [*left_out]
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
                f"the column {shown(self.layout.unknown)!r} looks like prices and was not read:"
                " call columns Open, High, Low and Close"
            )
            warnings.append(DataWarning("unknown_column", message))
        return RawTable(columns, days, lines, warnings, self.layout.head, volumes)

    def reading(self) -> Reading:
        """Say how the rows were read."""
        return reading_of(self.sheet, self.layout)._replace(
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
            if at != own and not is_dated(cell)
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
            warnings.append(DataWarning("event_rows", message))
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
            # all of them: from few one could not tell the day from the month
            one, *others = sessions.days_of([(0, cells[at]) for at in (row, *kept)], self.unit)
        except BadTable:
            return False
        return one > max(others)

    def _is_event(self, row: int) -> bool:
        cells = [column[row] for column in (*self.texts.values(), *self.beside)]
        text = " ".join(cells).lower()
        return any(word in text for word in _EVENTS)

    def _has_date(self, row: int) -> bool:
        return "date" not in self.texts or is_dated(self.texts["date"][row])

    def _no_number(self, row: int, columns: dict[str, list[float | None]]) -> BadTable:
        role = next(role for role, column in columns.items() if column[row] is None)
        return BadTable(f"{self.unit} {self.lines[row]}: {field_name(role)} is no number")

    def _volumes(self, rows: Sequence[int]) -> list[float] | None:
        cells = self.texts.get("volume")
        if cells is None:
            return None
        own = [cells[row] for row in rows]
        return numbers.plain(own) or [numbers.volume(cell) for cell in own]

    def _only_instrument(self, rows: Sequence[int]) -> str | None:
        for at, column in zip(self.layout.texts, self.beside, strict=True):
            names = {column[row] for row in rows} - {""}
            if is_instrument(self.layout.head[at]) and len(names) == 1:
                return shown(names.pop())
        return None


def field_name(role: str) -> str:
    """Call a role in a message."""
    return "adjusted close" if role == "adjusted" else role


def reading_of(sheet: Sheet, found: Layout) -> Reading:
    """Say how a file is read, as far as its header tells."""

    def head(at: int) -> str:
        return shown(found.head[at]) if at < len(found.head) else f"column {at + 1}"

    return Reading(
        encoding=sheet.encoding,
        delimiter=sheet.separated_by,
        header=found.line if sheet.delimiter or sheet.encoding != "JSON" else None,
        columns={role: head(at) for role, at in found.roles.items()},
        unused=[shown(name) for name in found.unused[:_MAX_UNUSED]],
        dates=None,
        decimal="point",
        instrument=shown(found.instrument) or None,
        left_out=[],
    )
