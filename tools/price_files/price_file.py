"""One file, what it says, and what may be made of it."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from tools.price_files.walks import FIELDS, Bars, Walk

Said: TypeAlias = tuple[str, ...]
"""Regular expressions, one of which an answer has to hold."""


class Expect(enum.Enum):
    """What has to become of a file."""

    SOUND = "read right, without a warning that strict refuses"
    NOTED = "read right; that a warning says what was left out does no harm"
    EITHER = "read right, refused, or warned of"
    FAULTY = "refused, or warned of"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a file says, oldest first."""

    dates: list[date] | None
    bars: Bars
    """By field, those that the file has; adjusted where its adjusted closes differ."""
    is_adjusted: list[bool]
    """By row: prices were computed, and are not the text of the file."""
    half_digit: float
    """Half of the last digit of the file's prices."""
    forecast_date: date | None = None
    """The session after it, where a calendar is asked for."""

    @property
    def newest(self) -> float:
        """The newest close."""
        return self.bars["close"][-1]

    def same(self, name: str, row: int, price: float) -> bool:
        """Tell whether a price that was read is the one of the file."""
        right = self.bars[name][row]
        if self.is_adjusted[row]:
            return abs(price - right) <= 1e-6 * right + self.half_digit
        return price == right


@dataclass(frozen=True, slots=True)
class PriceFile:
    """Bytes to post, with the truth about them."""

    kind: str
    shape: str
    content: bytes
    expect: Expect
    truth: Truth | None = None
    calendar: str | None = None
    said: tuple[Said, ...] = ()
    """What a refusal, or a warning, has to name: each of these."""
    is_of_calendar: bool = False
    """The prices are right and the calendar is not: without a forecast date a warning is enough."""
    by_reader: bool = True
    """The fault is seen in the file itself, so that `/bars` too has to refuse or warn."""
    allowed: tuple[str, ...] = ("unlike_training",)
    """Warnings that are true of a sound file: of the model, or of moves as large as they look."""
    media_type: str = "text/csv"
    name: str = field(default="", compare=False)

    @property
    def is_sound(self) -> bool:
        """Whether it has to be read right."""
        return self.expect in {Expect.SOUND, Expect.NOTED}


def truth_of(
    walk: Walk,
    *,
    fields: Sequence[str] = FIELDS,
    adjusted: Sequence[float] | None = None,
    has_dates: bool = True,
    decimals: int | None = None,
    forecast_date: date | None = None,
) -> Truth:
    """Return the truth of a file of a walk, with its adjusted closes where they are in the file."""
    bars = {name: walk.bars[name] for name in FIELDS if name in fields}
    flags = [False] * len(walk)
    if adjusted is not None:
        factors = [to / of for to, of in zip(adjusted, walk.bars["close"], strict=True)]
        # in units of the last close: the last row stays what it is
        flags = [factor != factors[-1] for factor in factors]
        bars = {
            name: [
                price * factor / factors[-1] if flag else price
                for price, factor, flag in zip(prices, factors, flags, strict=True)
            ]
            for name, prices in bars.items()
        }
    to = walk.decimals if decimals is None else decimals
    return Truth(walk.days if has_dates else None, bars, flags, 0.5 * 10**-to, forecast_date)


def line(number: int) -> Said:
    """Return what names a line."""
    return (rf"\blines?\b[^.;]{{0,40}}\b{number}\b",)


def counts(number: int) -> Said:
    """Return what gives a count."""
    return (rf"(?<![\d.]){number}(?![\d.])",)


HOURLY: Final[Said] = (
    r"hour",
    r"minute",
    r"intraday",
    r"not daily",
    r"no daily",
    r"a day",
    r"\b1h\b",
)
WEEKLY: Final[Said] = (r"week", r"1wk", r"not daily", r"no daily")
MONTHLY: Final[Said] = (r"month", r"quarter", r"not daily", r"no daily")
SEVERAL: Final[Said] = (
    r"several",
    r"instrument",
    r"more than one",
    r"\btwo\b",
    r"twice",
    r"differ",
    r"other prices",
)
NO_HEADER: Final[Said] = (r"head", r"column")
