"""A table as it becomes the bytes of a file: heads, rows, marks, line ends and letters."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tools.price_files.numbers import PLAIN, NumberStyle

QUOTE_NOTHING: Final = "none"
"""Beside `minimal` and `all`."""

PRICES: Final = frozenset({"open", "high", "low", "close", "adj"})


@dataclass(slots=True)
class Column:
    """A head, what is below it, and what that means."""

    head: str
    role: str
    """A field of the bars, `date`, `adj` for the adjusted close, or another column's name."""
    cells: list[str]


@dataclass(slots=True)
class Sheet:
    """A table; rows are oldest first, whatever the order in the file."""

    columns: list[Column]
    style: NumberStyle = PLAIN
    decimals: int = 2
    delimiter: str = ","
    quoting: str = "minimal"
    ending: str = "\n"
    encoding: str = "utf-8"
    is_newest_first: bool = False
    has_head: bool = True
    has_final_ending: bool = True
    is_ragged: bool = False
    """Each line ends with a delimiter more, its head too."""
    space: str = ""
    """Behind each delimiter."""
    preamble: list[str] = field(default_factory=list)
    more_heads: list[list[str]] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)
    lines: dict[int, str] = field(default_factory=dict)
    """Rows whose line is another text than their cells make."""
    inserted: dict[int, list[str]] = field(default_factory=dict)
    """Lines in the file before a row."""

    def __len__(self) -> int:
        return len(self.columns[0].cells)

    def column(self, role: str) -> Column:
        """Return the first column of a role."""
        return next(each for each in self.columns if each.role == role)

    def has(self, role: str) -> bool:
        """Tell whether there is a column of a role."""
        return any(each.role == role for each in self.columns)

    def remove(self, *roles: str) -> None:
        """Remove all columns of roles."""
        self.columns = [each for each in self.columns if each.role not in roles]

    def insert(self, at: int, head: str, role: str, cells: list[str]) -> None:
        """Insert a column."""
        self.columns.insert(at, Column(head, role, cells))

    def change(self, row: int, role: str, write: Callable[[str], str]) -> None:
        """Write another cell."""
        cells = self.column(role).cells
        cells[row] = write(cells[row])

    def price(self, row: int, role: str, value: float) -> None:
        """Write another price."""
        self.column(role).cells[row] = self.style.write(value, self.decimals)

    def cells(self, row: int) -> list[str]:
        """Return the cells of a row."""
        return [each.cells[row] for each in self.columns]

    def order(self) -> list[int]:
        """Return the rows as they are in the file."""
        rows = list(range(len(self)))
        return rows[::-1] if self.is_newest_first else rows

    def first_line(self) -> int:
        """Return the number of the first row's line, but for inserted ones."""
        return len(self.preamble) + self.has_head + len(self.more_heads) + 1

    def line_of(self, row: int) -> int:
        """Return the number of a row's line in the file."""
        number = self.first_line()
        for each in self.order():
            number += len(self.inserted.get(each, []))
            if each == row:
                return number
            number += 1
        raise IndexError(row)

    def text_of(self, cells: list[str]) -> str:
        """Return cells as a line."""
        if self.quoting == QUOTE_NOTHING:
            return self.delimiter.join(cells)
        text = io.StringIO()
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_ALL if self.quoting == "all" else csv.QUOTE_MINIMAL,
            lineterminator="",
        )
        writer.writerow([self.space * (at > 0) + cell for at, cell in enumerate(cells)])
        return text.getvalue()

    def text(self) -> str:
        """Return the file as text."""
        more = [""] if self.is_ragged else []
        heads = [[each.head for each in self.columns]] if self.has_head else []
        lines = [*self.preamble]
        lines += [self.text_of(cells + more) for cells in [*heads, *self.more_heads]]
        for row in self.order():
            lines += self.inserted.get(row, [])
            found = self.lines.get(row)
            lines.append(self.text_of(self.cells(row) + more) if found is None else found)
        lines += self.footer
        return self.ending.join(lines) + self.ending * self.has_final_ending

    def content(self) -> bytes:
        """Return the file as bytes; in UTF-8 where the letters are in no other way its own."""
        text = self.text()
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            self.encoding = "utf-8"
            return text.encode()
