"""
Numbers as vendors write them: with currencies, separators of thousands, decimal points or commas.

Whether a comma or a point ends the whole part is told from all prices of a column, or else from
the rest of the file. Where `18,450` could be both, it is refused: it is never guessed.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from app.errors import BadTable

Mark: TypeAlias = Literal[".", ","]
"""What ends the whole part of a number."""

NO_PRICE: Final = frozenset(
    {"", "null", "nan", "none", "n/a", "#n/a", "na", "nil", "-", "--", "---", "—", ".", "<na>",
     "nat", "inf", "-inf",
     "n.a.", "n.v.", "k.a.", "#n/a n/a", "\\n", "b/d"}
)  # fmt: skip
"""What vendors write for a day without trading."""

_PLAIN: Final = frozenset("0123456789.")
_spaces: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f'\u2019`_]")
_SPACES: Final = r"[\s\u00a0\u2007\u2009\u202f'\u2019]"
_gap: Final = re.compile(rf"\d{_SPACES}+\d")
_run_of_digits: Final = re.compile(rf"\d(?:[\d.,]|{_SPACES})*")
_SPACED: Final = (
    rf"(?:\d{{1,3}}(?:{_SPACES}\d{{3}})+|\d{{1,2}}(?:{_SPACES}\d{{2}})*{_SPACES}\d{{3}})"
    r"(?:[.,]\d*)?"
)
_spaced: Final = re.compile(_SPACED)
_number: Final = re.compile(r"[-+]?[0-9][0-9.,]*(?:[eE][-+]?[0-9]+)?|(?<![^\W\d_])[-+]?\.[0-9]+")
# what stands before or after a number and says of what it is
_CURRENCIES: Final = frozenset(
    """
    usd eur gbp gbx gbp jpy chf cad aud nzd hkd sgd cny cnh rmb inr krw twd thb idr myr php
    vnd try sek nok dkk isk pln czk huf ron bgn rub uah brl mxn ars clp cop pen zar ils sar
    aed kwd qar egp pkr usdt usdc busd btc eth us a c hk nz s r rs re kr kc zl zł tl ft lei lv p
    руб 元 円 原 원 圓 港元
    """.split()  # noqa: SIM905 - words are read better so
)
_grouped: Final = {
    mark: re.compile(
        rf"[-+]?(?:\d+|\d{{1,3}}(?:{group}\d{{3}})+|\d{{1,2}}(?:{group}\d{{2}})*{group}\d{{3}})"
        rf"(?:{re.escape(mark)}\d*)?(?:[eE][-+]?\d+)?|[-+]?{re.escape(mark)}\d+"
    )
    for mark, group in ((".", ","), (",", r"\."))
}
"""Thousands by threes, or as in India by twos above the first three."""
# atomic: 1,234 is of two patterns, and a column of such would be tried in every way
_all_grouped: Final = {
    mark: re.compile(rf"(?>(?:{pattern.pattern})\n)*+(?:{pattern.pattern})")
    for mark, pattern in _grouped.items()
}
# of lines: a space is \s, which a line's end is as well
_all_spaced: Final = re.compile(
    rf"(?>(?:{_SPACED}|[\d.,]+)\n)*+(?:{_SPACED}|[\d.,]+)".replace(r"\s", " ")
)
_SIGNS: Final = str.maketrans("", "", "$€£¥₹₩₽₺")
_BLANKS: Final = frozenset(" \u00a0\u2007\u2009\u202f'\u2019")
_UNSPACED: Final = str.maketrans("", "", "".join(_BLANKS))
_FIGURES: Final = frozenset("0123456789.,+-eE\n")
_volume: Final = re.compile(r"([\d.,]+)\s*([a-z\u4e00-\u9fff]*)\.?")
_TIMES: Final = {
    "": 1.0, "k": 1e3, "tsd": 1e3, "m": 1e6, "mio": 1e6, "mn": 1e6, "mln": 1e6, "b": 1e9,
    "mrd": 1e9,
    "bn": 1e9, "t": 1e12, "lakh": 1e5, "cr": 1e7, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8,
}  # fmt: skip
_ungrouped: Final = re.compile(r"\d{5,}")
_LONGEST: Final = 64
"""Characters of a number: to read one of a hundred thousand digits takes seconds."""
_GROUP: Final = 3
"""Digits."""


def bare(cell: str) -> str | None:
    """Take off what stands around a number; None where there is none, or more than one."""
    if len(cell) > _LONGEST:
        return None
    if not cell.isascii():
        cell = unicodedata.normalize("NFKC", cell)
    closed = _spaces.sub("", cell)
    found = _number.search(closed)
    if found is None or not _is_spaced_well(cell):
        return None
    before, after = closed[: found.start()], closed[found.end() :]
    if not before and not after:
        return closed
    if "%" in after or "%" in before:
        return None
    # -$5, $-5 and 5 kr alike
    sign = "-" if "-" in before or after == "-" else ""
    before, after = before.replace("-", ""), after.strip("-")
    if all(_is_currency(part) for part in (before, after)):
        return sign + found[0]
    return None


def _is_spaced_well(cell: str) -> bool:
    """Tell whether what stands between digits parts thousands, as in 1 234,50, and is no slip."""
    if not _gap.search(cell):
        return True
    digits = _run_of_digits.search(cell)
    return digits is not None and _spaced.fullmatch(digits[0].strip()) is not None


def _is_currency(text: str) -> bool:
    letters = "".join(letter for letter in text if unicodedata.category(letter) != "Sc")
    return not letters or letters.strip(".").lower() in _CURRENCIES


class Column(NamedTuple):
    """The cells of a column without currencies and spaces: of each what `bare` returns."""

    texts: Sequence[str | None]
    joined: str | None
    """All of them, a line each, where nothing else is in any of them."""

    @classmethod
    def of(cls, cells: Sequence[str]) -> "Column":
        """Take off what stands around numbers; for all cells at once where that is simple."""
        joined = "\n".join(cells).translate(_SIGNS)
        # a cell of several lines is one cell
        if max(map(len, cells), default=0) > _LONGEST or joined.count("\n") >= max(len(cells), 1):
            return cls([bare(cell) for cell in cells], None)
        letters = set(joined)
        if letters & _BLANKS and _all_spaced.fullmatch(joined):
            joined = joined.translate(_UNSPACED)
            letters -= _BLANKS
        if letters <= _FIGURES:
            return cls(joined.split("\n"), joined)
        return cls([bare(cell) for cell in cells], None)


class Evidence(NamedTuple):
    """What numbers say of the mark."""

    mark: Mark | None
    """That of the first number that has one alone; None where there is no such number."""
    either: frozenset[Mark] = frozenset()
    """What stands in numbers such as 18,450, where it could end the whole part or not."""


def evidence(texts: Iterable[str | None]) -> Evidence:
    """Look for a number that can be written with a decimal point alone, or with a comma."""
    either: set[Mark] = set()
    for text in texts:
        if not text or ("," not in text and "." not in text) or not text.strip(".,+-"):
            continue
        commas, points = text.count(","), text.count(".")
        if commas and points:
            return Evidence("," if text.rindex(",") > text.rindex(".") else ".")
        if commas > 1 or points > 1:
            return Evidence("." if commas else ",")
        mark: Mark = "," if commas else "."
        if not _is_either(text, mark):
            return Evidence(mark)
        either.add(mark)
    return Evidence(None, frozenset(either))


def _is_either(text: str, mark: Mark) -> bool:
    whole, _, rest = text.lstrip("+-").partition(mark)
    return (
        rest.isdecimal() and len(rest) == _GROUP and 1 <= len(whole) <= _GROUP and whole[0] != "0"
    )


def mark_of(column: Column, others: Iterable[str], delimiter: str, *, is_european: bool) -> Mark:
    """
    Decide from the prices of a column, then from `others`: cells of the file's other columns.

    `is_european` is whether its dates are written 31.01.2026. Raises BadTable where nothing
    decides; a number that is written otherwise than the one that did is none, see `read`.
    """
    own = evidence(column.texts)
    if own.mark is not None or not own.either:
        return own.mark or "."
    if len(own.either) > 1:
        raise BadTable("has numbers with a point and others with a comma, each before three digits")
    beside = list(others)
    told = _told_by(beside)
    # where 28937998 is written without separators, thousands are as well
    is_ungrouped = delimiter != "," and any(_ungrouped.fullmatch(cell) for cell in beside)
    if "." in own.either:
        # 18.450: thousands only where the file is written with decimal commas
        is_doubtful = delimiter == ";" and is_european and not is_ungrouped
        if is_doubtful and not told:
            raise _either("18.450")
        return "," if told == {","} else "."
    # a file that separates by semicolons does so for its decimal commas
    if "." not in told and (delimiter == ";" or is_ungrouped):
        return ","
    if len(told) != 1 or delimiter == ";":
        raise _either("18,450")
    return told.pop()


def _told_by(others: Iterable[str]) -> set[Mark]:
    """Return the marks that cells of other columns have, percents and volumes among them."""
    found = (evidence([bare(cell.rstrip("%kKmMbBtT"))]).mark for cell in others)
    return {mark for mark in found if mark is not None}


def _either(example: str) -> BadTable:
    return BadTable(
        f"has numbers such as {example} throughout, which could be thousands or three decimals;"
        " write them without a separator of thousands, and with a decimal point"
    )


def is_plain(cells: Sequence[str]) -> bool:
    """Tell whether all cells are digits and points, which `float` reads as they are."""
    return set("".join(cells)) <= _PLAIN and all(cells)


def is_either(cells: Sequence[str]) -> bool:
    """Tell whether a column begins with a number such as 18.450, which may be thousands."""
    return bool(cells) and _is_either(cells[0], ".")


def read(cells: Sequence[str], column: Column, mark: Mark) -> list[float | None]:
    """
    Read a column; NaN is what vendors write for no price, None what is something else.

    `column` is what `Column.of` made of the cells.
    """
    group = "," if mark == "." else "."
    if column.joined is not None and _all_grouped[mark].fullmatch(column.joined):
        return list(map(float, column.joined.replace(group, "").replace(mark, ".").split("\n")))
    return [
        _number_of(cell, text, mark, group) for cell, text in zip(cells, column.texts, strict=True)
    ]


def _number_of(cell: str, text: str | None, mark: Mark, group: str) -> float | None:
    if text and _grouped[mark].fullmatch(text):
        return float(text.replace(group, "").replace(mark, "."))
    return math.nan if cell.lower() in NO_PRICE else None


def plain(cells: Sequence[str]) -> list[float] | None:
    """Read a column of digits and points alone, as nearly all are; None where it is none."""
    if max(map(len, cells), default=0) > _LONGEST or not is_plain(cells):
        return None
    try:
        return list(map(float, cells))
    except ValueError:
        return None


def volume(cell: str) -> float:
    """Read a volume such as 1.2M or 3,45 Mio.; NaN where it is none."""
    if len(cell) > _LONGEST:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        pass
    else:
        return value if math.isfinite(value) else math.nan
    found = _volume.fullmatch(_spaces.sub("", unicodedata.normalize("NFKC", cell)).lower())
    if found is None or found[2] not in _TIMES:
        return math.nan
    text = found[1]
    if found[2]:
        # with a unit there are no thousands, and what stands there is the mark
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        return float(text.replace(",", "")) * _TIMES[found[2]]
    except ValueError:
        return math.nan


def is_numeric(cell: str) -> bool:
    """Tell whether a cell is a number of any style."""
    return bare(cell) is not None
