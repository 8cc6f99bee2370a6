"""The text of a file, line by line, whatever its letters are written in."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import Final

from app.errors import BadTable
from app.market_data.price_files.cells import headings

MAX_ROW: Final = 2**20
"""Characters of a row: it is taken apart in some milliseconds."""
MAX_LINES: Final = 400_000
"""Blank ones, and those of footers and heads, included."""

_PART: Final = 2**16
"""Bytes that are looked at together."""
_SAMPLE: Final = 4096
_NOT_TEXT: Final = {
    b"PK\x03\x04": "this is a spreadsheet or a zip archive; save the sheet as CSV and send that",
    b"\xd0\xcf\x11\xe0": "this is an Excel workbook; save the sheet as CSV and send that",
    b"\x1f\x8b": "this is compressed; send it with Content-Encoding: gzip, or unpacked",
    b"%PDF": "this is a PDF; send the prices as CSV",
    b"PAR1": "this is a Parquet file; send the prices as CSV",
}
_CODE_PAGES: Final = (
    "cp1252", "cp1250", "cp1251", "cp1254", "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
"""What vendors write in beside Unicode; the first where nothing speaks for another."""
_cells: Final = re.compile(r'[,;\t|"\r\n]+')


class Lines:
    """
    The lines of a file, decoded one by one.

    Raises BadTable where it is no text, and where a row is so long that to take it apart would keep
    everybody waiting.
    """

    def __init__(self, content: bytes) -> None:
        for magic, reason in _NOT_TEXT.items():
            if content.startswith(magic):
                raise BadTable(reason)
        self.encoding = _encoding(content)
        self._file = io.TextIOWrapper(
            io.BytesIO(content), self.encoding, errors="replace", newline=""
        )
        self.number = 0
        self.of_row = 0
        """Characters of the row that is being read."""

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_ROW):
            self.number += 1
            if self.number > MAX_LINES:
                raise BadTable(f"the file has more than {MAX_LINES} lines")
            self.of_row += len(line)
            if self.of_row >= MAX_ROW:
                raise BadTable(f"line {self.number} is of more than {MAX_ROW} characters")
            yield line


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in content:
        return _without_mark(content)
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(content)
    try:
        for start in range(0, len(view), _PART):
            decoder.decode(view[start : start + _PART])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _code_page(content)
    return "utf-8-sig"


def _without_mark(content: bytes) -> str:
    """Tell UTF-16 by the zeros that every other byte is in figures."""
    for encoding, zeros in (
        ("utf-16-le", content[1:_SAMPLE:2]),
        ("utf-16-be", content[:_SAMPLE:2]),
    ):
        if zeros and zeros.count(0) > len(zeros) / 2:
            return encoding
    raise BadTable("this is no text; send the prices as CSV")


def _code_page(content: bytes) -> str:
    """
    Say in which code page a file is.

    A library proposes; the one in which most heads of columns are known has it, for a head or two
    among figures are little to tell by.
    """
    sample = b"\n".join(
        line for line in content[:_PART].splitlines() if not line.isascii()
    )[:_SAMPLE] or content[:_SAMPLE]  # fmt: skip
    # as long as the rest of the service takes to start, and hardly ever needed
    from charset_normalizer import from_bytes  # noqa: PLC0415

    proposed = [match.encoding for match in from_bytes(sample, cp_isolation=list(_CODE_PAGES))]
    in_order = [page for page in dict.fromkeys([*proposed, *_CODE_PAGES]) if page in _CODE_PAGES]
    texts = {page: sample.decode(page, "replace") for page in in_order}
    best = max(in_order, key=lambda page: _known_heads(texts[page]))
    # of those that read the same the one that most people have
    return next(page for page in _CODE_PAGES if texts[page] == texts[best])


def _known_heads(text: str) -> int:
    # what all code pages have in common says nothing
    return sum(
        not cell.isascii() and headings.meaning(cell) is not None for cell in _cells.split(text)
    )
