"""Numbers as vendors write them: with a currency, thousands apart, a decimal point or comma."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

_SIGNS: Final = str.maketrans("", "", "$€£¥₹ \u00a0\u202f'")
_plain: Final = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_by_point: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
_by_comma: Final = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d*)?")
_decimal_comma: Final = re.compile(r"\d,\d+$")
_thousands: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+")


class Decimals(NamedTuple):
    """How a file writes them."""

    comma: bool

    @classmethod
    def of(cls, cells: Iterable[str]) -> Self:
        """Tell it from all prices: 1,234 alone says nothing, 187,2 does, and so does 1.234,5."""
        for cell in cells:
            if "," in cell:
                bare = cell.translate(_SIGNS)
                if "." in bare:
                    return cls(comma=bare.rindex(",") > bare.rindex("."))
                if _decimal_comma.search(bare) and not _thousands.fullmatch(bare):
                    return cls(comma=True)
        return cls(comma=False)


def number(cell: str, decimals: Decimals) -> float | None:
    """Read a number; None where it is none."""
    if not decimals.comma and _plain.fullmatch(cell):
        # nearly always
        return float(cell)
    bare = cell.translate(_SIGNS)
    if decimals.comma:
        if not _by_comma.fullmatch(bare):
            return None
        return float(bare.replace(".", "").replace(",", "."))
    if _by_point.fullmatch(bare):
        return float(bare.replace(",", ""))
    return float(bare) if _plain.fullmatch(bare) else None
