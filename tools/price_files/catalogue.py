"""All price files of a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Final

from tools.price_files import (
    kind_calendars,
    kind_dates,
    kind_instruments,
    kind_json,
    kind_jumps,
    kind_letters,
    kind_lines,
    kind_numbers,
    kind_rows,
    kind_times,
)
from tools.price_files.price_file import PriceFile
from tools.price_files.walks import Chance

Make = Callable[[Chance], PriceFile]

KINDS: Final[dict[str, ModuleType]] = {
    module.KIND[0]: module
    for module in (
        kind_dates,
        kind_instruments,
        kind_lines,
        kind_numbers,
        kind_jumps,
        kind_times,
        kind_letters,
        kind_rows,
        kind_calendars,
        kind_json,
    )
}
"""By their letter."""

FILES: Final = 3000
_SOUND_OF_TEN: Final = {"G": 9}
"""Sound files of ten: hardly anything is wrong about letters."""


def files(
    seed: int, count: int = FILES, kinds: str = "", first: int = 0, step: int = 1
) -> Iterator[PriceFile]:
    """Yield so many files, of the kinds in turn; or every so-many-th of them, from one on."""
    letters = [letter for letter in KINDS if not kinds or letter in kinds.upper()]
    for number in range(first, count, step):
        yield a_file(seed, letters[number % len(letters)], number // len(letters))


def a_file(seed: int, letter: str, number: int) -> PriceFile:
    """Return one file of a kind, the same whichever others are made."""
    chance = random.Random(f"{seed} {letter} {number}")  # noqa: S311 - nothing secret
    sound_of_ten = _SOUND_OF_TEN.get(letter, 5)
    module = KINDS[letter]
    # sound ones spread over the ten: every second where they are five
    is_sound = number * sound_of_ten % 10 < sound_of_ten
    before = sum(each * sound_of_ten % 10 < sound_of_ten for each in range(number % 10))
    sound_before = number // 10 * sound_of_ten + before
    makers: tuple[Make, ...] = module.SOUND if is_sound else module.FAULTY
    turn = sound_before if is_sound else number - sound_before
    file = makers[turn % len(makers)](chance)
    return replace(file, name=f"{letter}{number}")
