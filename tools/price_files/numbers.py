"""How vendors write a number, and how such a number is read back."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

NO_BREAK_SPACE: Final = "\u00a0"
NARROW_SPACE: Final = "\u202f"
THIN_SPACE: Final = "\u2009"
APOSTROPHE: Final = "\u2019"


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """The marks of a number."""

    point: str = "."
    group: str = ""
    is_indian: bool = False
    """Groups of two digits above the thousands."""
    prefix: str = ""
    suffix: str = ""
    is_trimmed: bool = False
    """Without zeros at the end, as programs print a float."""
    more_decimals: int = 0
    """Zeros, or the noise of single precision, behind the price's own decimals."""

    def write(self, value: float, decimals: int) -> str:
        """Return a number as text."""
        if self.is_trimmed:
            text = repr(float(value))
            if "e" in text:
                return text if self.point == "." else text.replace(".", self.point)
        else:
            text = f"{value:.{decimals + self.more_decimals}f}"
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        whole, _, part = text.partition(".")
        if self.group:
            whole = _grouped(whole, self.group, is_indian=self.is_indian)
        return f"{self.prefix}{sign}{whole}{self.point + part if part else ''}{self.suffix}"

    def whole(self, value: int) -> str:
        """Return a count as text, grouped as prices are."""
        grouped = _grouped(str(value), self.group, is_indian=self.is_indian)
        return grouped if self.group else str(value)

    def read(self, text: str) -> float:
        """Return the number that `write` has written."""
        text = text.strip().removeprefix(self.prefix).removesuffix(self.suffix)
        if self.group:
            text = text.replace(self.group, "")
        text = text.replace(self.point, ".")
        assert _number.fullmatch(text), text
        return float(text)


_number: Final = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


def _grouped(whole: str, mark: str, *, is_indian: bool) -> str:
    head, tail = whole[:-3], whole[-3:]
    size = 2 if is_indian else 3
    parts: list[str] = []
    while head:
        parts.insert(0, head[-size:])
        head = head[:-size]
    return mark.join([*parts, tail])


PLAIN: Final = NumberStyle()
TRIMMED: Final = NumberStyle(is_trimmed=True)
SIX: Final = NumberStyle(more_decimals=4)
AMERICAN: Final = NumberStyle(group=",")
DOLLAR: Final = NumberStyle(group="", prefix="$")
COMMA: Final = NumberStyle(point=",")
TRIMMED_COMMA: Final = NumberStyle(point=",", is_trimmed=True)
EUROPEAN: Final = NumberStyle(point=",", group=".")
INDIAN: Final = NumberStyle(group=",", is_indian=True)
SWISS: Final = NumberStyle(group="'")
SWISS_EXCEL: Final = NumberStyle(group=APOSTROPHE)
SPACED: Final = NumberStyle(point=",", group=" ")
NO_BREAK: Final = NumberStyle(point=",", group=NO_BREAK_SPACE)
NARROW: Final = NumberStyle(point=",", group=NARROW_SPACE)
THIN: Final = NumberStyle(group=THIN_SPACE)


def short(value: int, style: NumberStyle) -> str:
    """Return a volume as 1.23M, with the marks of a style."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if value >= size:
            return f"{value / size:.2f}".replace(".", style.point) + letter
    return str(value)


def percent(value: float, style: NumberStyle) -> str:
    """Return a change in percent."""
    return f"{value:+.2f}%".replace(".", style.point)


def is_ambiguous(style: NumberStyle, decimals: int, delimiter: str) -> bool:
    """Tell whether a mark with three digits behind it may be of decimals or of thousands."""
    behind = decimals + style.more_decimals
    if style.is_trimmed:
        # any number of digits: some row has another one than three
        return False
    if style.group in {",", "."} and behind == 0:
        return True
    mark = style.point
    # tabs are of no country: a point is what most programs write
    expected = "," if delimiter == ";" else "."
    return behind == 3 and mark != expected


Writer = Callable[[float], str]
