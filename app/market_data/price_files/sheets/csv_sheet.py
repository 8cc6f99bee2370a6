"""The rows of a file: cells, each row with the line that it is from."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.errors import BadTable
from app.market_data.price_files.sheets.decoding import MAX_ROW, Lines

MAX_ROWS: Final = 100_000
"""Four hundred years."""
MAX_COLUMNS: Final = 1024
_HEADS: Final = 100
"""Rows above and below the sessions that are not counted."""
FIRST_ROWS: Final = 200
"""That tell the delimiter, the header and how numbers are written."""

_DELIMITERS: Final = ",;\t|"
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_separator: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)

Row = tuple[int, list[str]]
"""A line, from 1, and its cells, stripped."""


class Sheet(NamedTuple):
    """The rows of a file or a message, without blank ones."""

    first: list[Row]
    """As many as tell the layout."""
    rest: Iterator[Row]
    encoding: str
    delimiter: str
    """Of cells; empty where the message was JSON."""
    unit: str = "line"
    """What a row is called in messages."""
    zone: ZoneInfo | None = None
    """The exchange's, where the message names it."""

    @property
    def rows(self) -> Iterator[Row]:
        """All rows."""
        return chain(self.first, self.rest)

    @property
    def separated_by(self) -> str:
        """The delimiter by its name."""
        return _NAMES.get(self.delimiter, "none")


def of_csv(content: bytes, score: Callable[[Sequence[Row]], int]) -> Sheet:
    """
    Cut a CSV file into cells; of the delimiters the one counts whose first rows score highest.

    Raises BadTable where the file is empty, is something else, or has too many rows or columns.
    """
    lines = Lines(content)
    begin = _first_lines(lines)
    head = next((line for line in begin if line.strip()), "")
    _check_text(head)
    skipped = 0
    delimiter = ""
    chosen = _separator.fullmatch(head)
    if chosen is not None:
        # Excel's own way to say it; others have been known to change the file below it
        skipped = begin.index(head) + 1
        if any(chosen[1] in line for line in begin[skipped:]):
            delimiter = chosen[1]
    if not delimiter:
        delimiter = max(_DELIMITERS, key=lambda each: _merit(begin[skipped:], each, score))
    rows = _rows(chain(begin[skipped:], lines), skipped, delimiter, lines)
    first = list(islice(rows, FIRST_ROWS))
    if not first:
        raise BadTable("the file is empty")
    return Sheet(first, rows, lines.encoding.removesuffix("-sig"), delimiter)


def _first_lines(lines: Lines) -> list[str]:
    begin = []
    size = 0
    for line in lines:
        begin.append(line)
        size += len(line)
        lines.of_row = 0
        if len(begin) == FIRST_ROWS or size > MAX_ROW:
            break
    return begin


def _merit(
    begin: list[str], delimiter: str, score: Callable[[Sequence[Row]], int]
) -> tuple[int, int]:
    """Rank a delimiter by the heads that it makes, then by the lines that it cuts alike."""
    if not any(delimiter in line for line in begin):
        return 0, 0
    try:
        rows = [
            (0, [cell.strip() for cell in cells])
            for cells in islice(csv.reader(begin[:60], delimiter=delimiter), 60)
            if len(cells) <= MAX_COLUMNS
        ]
    except csv.Error:
        return 0, 0
    lengths = [len(cells) for _, cells in rows if len(cells) > 1]
    return score(rows), max(map(lengths.count, set(lengths)), default=0)


def _rows(text: Iterator[str], skipped: int, delimiter: str, lines: Lines) -> Iterator[Row]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    count = 0
    try:
        for cells in reader:
            lines.of_row = 0
            line = skipped + reader.line_num
            if len(cells) > MAX_COLUMNS:
                raise BadTable(
                    f"line {line} has {len(cells)} cells; a file of one instrument has no more than"
                    f" {MAX_COLUMNS} columns"
                )
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            count += 1
            if count > MAX_ROWS + _HEADS:
                raise BadTable(f"the file has more than {MAX_ROWS} rows")
            yield line, stripped
    except csv.Error as error:
        raise BadTable(f"line {skipped + reader.line_num} is not CSV: {error}") from None


def _check_text(head: str) -> None:
    """Raise BadTable where the first line is that of something else than a table."""
    start = head.lstrip()
    if not start:
        raise BadTable("the file is empty")
    if start[0] == "<" and not re.match(r'"?<[A-Za-z]+>[,;\t|]', start):
        raise BadTable("this is a web page or XML, perhaps an error of the site; send CSV")
