"""Numbers as vendors write them: with a currency, thousands apart, a decimal point or comma."""

import re
from collections.abc import Iterable
from typing import Final

_SIGNS: Final = str.maketrans("", "", "$€£¥₹ \u00a0\u202f'")
_plain: Final = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_by_point: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
_by_comma: Final = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?")
_decimal_comma: Final = re.compile(r"\d,\d+$")
_thousands: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+")


def has_decimal_comma(cells: Iterable[str]) -> bool:
    """Tell it from all prices: 1,234 alone says nothing, 187,2 does, and so does 1.234,5."""
    for cell in cells:
        if "," in cell:
            bare = cell.translate(_SIGNS)
            if "." in bare:
                return bare.rindex(",") > bare.rindex(".")
            if _decimal_comma.search(bare) and not _thousands.fullmatch(bare):
                return True
    return False


def number(cell: str, *, comma: bool) -> float | None:
    """Read a number, with a decimal comma or point; None where it is none."""
    if not comma and _plain.fullmatch(cell):
        # nearly always
        return float(cell)
    bare = cell.translate(_SIGNS)
    if comma:
        if not _by_comma.fullmatch(bare):
            return None
        return float(bare.replace(".", "").replace(",", "."))
    if _by_point.fullmatch(bare):
        return float(bare.replace(",", ""))
    return float(bare) if _plain.fullmatch(bare) else None
