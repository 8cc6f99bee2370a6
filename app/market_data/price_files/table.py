"""What was read of a file, and how."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from app.artifact.manifest import PriceField
from app.market_data.anomalies import DataWarning


class LeftOut(NamedTuple):
    """A line that is no session."""

    line: int
    reason: str


class Reading(NamedTuple):
    """How a file was read: what was taken for what, and what was not read."""

    encoding: str
    delimiter: str
    """By its name; `none` where there is one column, or the message was JSON."""
    header: int | None
    """The line of it."""
    columns: dict[str, str]
    """The head of the column of each role: date, open, close and so on."""
    unused: list[str]
    """The heads of the other columns, the first few."""
    dates: str | None
    """The form of the dates, by example."""
    decimal: str
    """What ends the whole part of a number: a point or a comma."""
    instrument: str | None
    """Where the file names it."""
    left_out: list[LeftOut]

    def __str__(self) -> str:
        """Say it in a sentence for a message."""
        columns = ", ".join(f"{role} from {head!r}" for role, head in self.columns.items())
        unused = f"; not read: {', '.join(map(repr, self.unused))}" if self.unused else ""
        header = "no header" if self.header is None else f"header in line {self.header}"
        return f"read as {self.encoding}, {self.delimiter}, {header}: {columns}{unused}"


class RawTable(NamedTuple):
    """A file's rows, oldest first, before anything is adjusted or refused by its prices."""

    columns: dict[str, list[float]]
    """By role: open, high, low, close, adjusted, wanted; NaN where there is no price."""
    dates: list[date] | None
    lines: list[int]
    warnings: list[DataWarning]
    heads: list[str]
    """Of all columns of the file."""
    volumes: list[float] | None
    """Of each row, NaN where there is none; None where the file has no such column."""

    def place(self, row: int, unit: str) -> str:
        """Say where a row is in the file: its line, and its date where there is one."""
        return _place(self.lines[row], None if self.dates is None else self.dates[row], unit)


class Table(NamedTuple):
    """A file's sessions, oldest first."""

    columns: dict[PriceField, list[float]]
    """Those that the file has; adjusted for splits and dividends where it says how."""
    dates: list[date] | None
    lines: list[int]
    """The line of the file that each session is from, from 1; in JSON the record."""
    warnings: list[DataWarning]
    reading: Reading
    unit: str = "line"
    """What a row of the file is called."""
    damage: Sequence[DataWarning] = ()
    """What looks damaged anywhere in the file, where somebody looked."""

    def located(self, warning: DataWarning) -> DataWarning:
        """Say on which line of the file the row of a warning is."""
        if warning.row is None:
            return warning
        return warning._replace(message=f"{self.place(warning.row)}: {warning.message}")

    def place(self, row: int) -> str:
        """Say where a session is in the file: its line, and its date where there is one."""
        return _place(self.lines[row], None if self.dates is None else self.dates[row], self.unit)


def _place(line: int, day: date | None, unit: str) -> str:
    return f"{unit} {line}" + (f" ({day})" if day else "")
