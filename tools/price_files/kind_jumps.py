"""E: splits, changes of unit and slips, and large moves that are none of these."""

from dataclasses import replace
from typing import Final

import numpy as np

from tools.price_files.layouts_english import ENGLISH
from tools.price_files.numbers import PLAIN, TRIMMED
from tools.price_files.price_file import Expect, PriceFile, line
from tools.price_files.sessions import EVERY_DAY
from tools.price_files.tables import BY_NAME, a_table
from tools.price_files.walks import (
    COINS,
    FIELDS,
    SCALES,
    Chance,
    Scale,
    Walk,
    a_length,
    a_walk,
    bars_of,
)

KIND: Final = "E jumps"

_LAYOUTS: Final = [
    layout
    for layout in ENGLISH
    if "=adj" not in layout.columns and "high" in layout.columns and layout.name != "r"
]
_DECIMALS: Final = 6
"""Of prices that were multiplied, so that none of them is rounded away."""


def _walk(chance: Chance) -> Walk:
    scale = chance.choice((*SCALES, *COINS))
    scale = Scale(max(scale.low, 0.5), max(scale.high, 3.0), _DECIMALS, scale.volatility)
    return a_walk(chance, calendar=chance.choice(("XNYS", "XLON", "XTKS")), scale=scale)


def _factor(chance: Chance) -> float:
    sort = chance.random()
    if sort < 0.5:
        factor = float(chance.randrange(2, 51))
    elif sort < 0.75:
        factor = 10.0 ** chance.randrange(1, 5)
    else:
        factor = chance.choice(
            (2.5, 3.75, 6.55957, 7.46, 4.5, 12.5, 1.95583 * 2, 133.3, 0.5 * 31.1)
        )
    return factor if chance.random() < 0.5 else 1 / factor


def _row(chance: Chance, length: int) -> int:
    """Choose a row, most often one that the forecast looks back on."""
    if chance.random() < 0.7:
        return length - chance.randrange(1, 55)
    return chance.randrange(1, length)


def _where(walk: Walk, row: int) -> str:
    """Say whether a jump is within what the shipped model looks back on."""
    return "in the newest 60" if row > len(walk) - 60 else "before the newest 60"


def a_split(chance: Chance) -> PriceFile:
    """Multiply all prices from one row on, which nothing says."""
    walk, factor = _walk(chance), _factor(chance)
    row = _row(chance, len(walk))
    spoilt = walk.times([factor if each >= row else 1.0 for each in range(len(walk))], 9)
    table = a_table(chance, chance.choice(_LAYOUTS), walk=spoilt, style=PLAIN)
    return table.file(
        KIND,
        f"a factor from a row on, {_where(walk, row)}: {factor:.3g}",
        Expect.FAULTY,
        (line(table.line(row)),),
        by_reader=False,
    )


def a_stretch(chance: Chance) -> PriceFile:
    """Multiply some rows, and go back: a change of unit, or one slip."""
    walk, factor = _walk(chance), _factor(chance)
    row = _row(chance, len(walk) - 1)
    end = row + chance.choice((1, 1, chance.randrange(2, 30)))
    spoilt = walk.times([factor if row <= each < end else 1.0 for each in range(len(walk))], 9)
    table = a_table(chance, chance.choice(_LAYOUTS), walk=spoilt, style=PLAIN)
    return table.file(
        KIND,
        f"a factor for some rows, {_where(walk, row)}: {factor:.3g}",
        Expect.FAULTY,
        (line(table.line(row)),),
        by_reader=False,
    )


def adjusted_closes_that_are_not(chance: Chance) -> PriceFile:
    """Repeat the close as its adjusted close, across a split."""
    walk, factor = _walk(chance), float(chance.choice((2, 3, 4, 5, 8, 10, 15, 20, 35, 50)))
    row = _row(chance, len(walk))
    factor = factor if chance.random() < 0.5 else 1 / factor
    spoilt = walk.times([factor if each >= row else 1.0 for each in range(len(walk))], 9)
    table = a_table(
        chance,
        BY_NAME[chance.choice(("yahoo", "eodhd", "tidyquant"))],
        walk=spoilt,
        style=PLAIN,
        adjusted=[*spoilt.bars["close"]],
    )
    return table.file(
        KIND,
        "an adjusted close that is not",
        Expect.FAULTY,
        (line(table.line(row)),),
        by_reader=False,
    )


def adjusted_for_nothing(chance: Chance) -> PriceFile:
    """Adjust sound closes for a split that was none."""
    walk = _walk(chance)
    row = len(walk) - chance.randrange(2, 55)
    factor = 1 / chance.choice((2, 3, 4, 10, 20))
    adjusted = [
        round(close * (factor if each < row else 1.0), _DECIMALS + 4)
        for each, close in enumerate(walk.bars["close"])
    ]
    table = a_table(
        chance,
        BY_NAME[chance.choice(("yahoo", "eodhd"))],
        walk=walk,
        style=PLAIN,
        adjusted=adjusted,
    )
    return table.file(
        KIND, "adjusted for nothing", Expect.FAULTY, (line(table.line(row)),), by_reader=False
    )


def a_dead_feed(chance: Chance) -> PriceFile:
    """Repeat the newest closes but one for two weeks."""
    walk = _walk(chance)
    run = chance.randrange(7, 14)
    row = len(walk) - chance.randrange(run, 50)
    bars = {field: [*prices] for field, prices in walk.bars.items()}
    for field in FIELDS:
        bars[field][row : row + run] = [bars["close"][row]] * run
    row_after = row + run
    if row_after < len(walk):
        for field, pick in (("high", max), ("low", min)):
            bars[field][row_after] = pick(bars[each][row_after] for each in FIELDS)
    table = a_table(chance, chance.choice(_LAYOUTS), walk=replace(walk, bars=bars))
    return table.file(KIND, "the same close for weeks", Expect.FAULTY, by_reader=False)


def a_squeeze(chance: Chance) -> PriceFile:
    """Let an instrument move by half and back for some weeks, as it has happened."""
    length = chance.randrange(75, 200)
    random_ = np.random.default_rng(chance.getrandbits(64))
    sigmas = np.full(length, chance.uniform(0.03, 0.045))
    end = length - chance.randrange(0, 15)
    begin = end - chance.randrange(14, 30)
    sigmas[begin:end] = np.linspace(0.1, chance.uniform(0.2, 0.28), end - begin)
    moves = np.clip(random_.normal(0, 1, length), -2, 2) * sigmas
    closes = chance.uniform(8, 60) * np.exp(np.cumsum(moves - moves.mean()))
    days = a_walk(chance, calendar="XNYS", length=length).days
    walk = Walk(
        "GME",
        "XNYS",
        4,
        days,
        bars_of(chance, closes.tolist(), 0.06, 4),
        [10**7 + each for each in range(length)],
    )
    table = a_table(chance, BY_NAME["stooq"], walk=walk)
    return table.file(KIND, "a squeeze")


def a_wild_coin(chance: Chance) -> PriceFile:
    """Let a coin move by a tenth on any day."""
    scale = Scale(0.02, 9, 6, (0.05, 0.11))
    walk = a_walk(chance, calendar=EVERY_DAY, scale=scale)
    table = a_table(
        chance, BY_NAME[chance.choice(("stooq", "tradingview", "cryptodatadownload"))], walk=walk
    )
    return table.file(KIND, "a wild coin")


def a_split_undone(chance: Chance) -> PriceFile:
    """Undo a split of the closes by the adjusted closes, in the vendors' two ways."""
    walk = _walk(chance)
    factor = float(chance.choice((2, 3, 4, 5, 7, 10, 15, 20, 50)))
    factor = factor if chance.random() < 0.3 else 1 / factor
    row = _row(chance, len(walk))
    raw = walk.times([1.0 if each >= row else 1 / factor for each in range(len(walk))], 9)
    adjusted = [round(close, _DECIMALS) for close in walk.bars["close"]]
    layout = chance.choice(
        ("yahoo", "eodhd", "tiingo", "quandl", "alpha vantage adjusted", "tidyquant")
    )
    table = a_table(chance, BY_NAME[layout], walk=raw, style=PLAIN, adjusted=adjusted)
    return table.file(KIND, "a split that adjusted closes undo")


def dividends(chance: Chance) -> PriceFile:
    """Make a file whose adjusted closes differ by dividends."""
    layout = chance.choice(("yahoo", "eodhd", "tiingo", "quandl", "yahoo in Japan", "r"))
    return a_table(chance, BY_NAME[layout]).file(KIND, "adjusted closes")


def calm(chance: Chance) -> PriceFile:
    """Make any file without a jump."""
    return a_table(chance, chance.choice(ENGLISH), length=a_length(chance)).file(KIND, "no jump")


def on_a_trend(chance: Chance) -> PriceFile:
    """Let prices double or halve over the file, day by day."""
    walk = _walk(chance)
    trend = chance.choice((0.004, 0.006, -0.004, -0.006))
    grown = walk.times([float(np.exp(trend * min(each, 300))) for each in range(len(walk))], 6)
    return a_table(chance, BY_NAME["stooq"], walk=grown, style=TRIMMED).file(KIND, "a trend")


SOUND: Final = (a_squeeze, a_split_undone, dividends, a_wild_coin, calm, a_split_undone, on_a_trend)
FAULTY: Final = (
    a_split,
    a_stretch,
    a_split,
    adjusted_closes_that_are_not,
    a_split,
    adjusted_for_nothing,
    a_dead_feed,
)
