"""Made-up instruments: random walks over the sessions of real exchanges."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from tools.price_files.sessions import EVERY_DAY, WEEKDAYS, known, sessions

Chance: TypeAlias = random.Random
Bars: TypeAlias = dict[str, list[float]]

FIELDS: Final = ("open", "high", "low", "close")

_FEWEST: Final = 70
_MOST: Final = 600
_LONGEST_STILL: Final = 3
"""Sessions with one close: more of them look like a feed that has died."""


class Scale(NamedTuple):
    """Prices of one kind of instrument."""

    low: float
    high: float
    decimals: int
    volatility: tuple[float, float] = (0.006, 0.022)


SHARE: Final = Scale(5, 500, 2)
DEAR: Final = Scale(1000, 60_000, 2)
WHOLE: Final = Scale(800, 200_000, 0)
PENNY: Final = Scale(0.4, 9, 4, (0.01, 0.03))
THREE: Final = Scale(2, 400, 3)
CURRENCY: Final = Scale(0.5, 1.9, 5, (0.004, 0.009))
YEN: Final = Scale(80, 160, 3, (0.004, 0.009))
COIN: Final = Scale(15_000, 120_000, 2, (0.015, 0.035))
SMALL_COIN: Final = Scale(0.0004, 0.05, 8, (0.02, 0.045))
SCALES: Final = (SHARE, SHARE, SHARE, DEAR, WHOLE, PENNY, THREE, CURRENCY, YEN)
COINS: Final = (COIN, COIN, SMALL_COIN, PENNY)

SYMBOLS: Final = {
    "XNYS": ("AAPL", "MSFT", "F", "BRK-B", "KO", "XOM", "^GSPC", "C", "T"),
    "XLON": ("VOD.L", "BARC.L", "RIO.L"),
    "XETR": ("SAP.DE", "BMW.DE", "ALV.DE"),
    "XPAR": ("BNP.PA", "AIR.PA", "OR.PA"),
    "XTKS": ("7203.T", "6758.T", "1301"),
    "XHKG": ("0700.HK", "0005.HK", "9988.HK"),
    "XSHG": ("600000", "600519.SH", "000001.SZ"),
    "XTAI": ("2330.TW", "2317"),
    "XKRX": ("005930", "000660.KS"),
    "XBOM": ("RELIANCE", "TCS", "INFY.NS", "500325"),
    "XASX": ("BHP.AX", "CBA.AX"),
    "XSTO": ("VOLV-B.ST", "ERIC B"),
    "XMOS": ("SBER", "GAZP"),
    "XWAR": ("PKO", "KGHM"),
    "XIST": ("THYAO", "GARAN.IS"),
    "XMIL": ("ENI.MI", "ISP.MI"),
    "XMAD": ("SAN.MC", "ITX.MC"),
    "BVMF": ("PETR4.SA", "VALE3"),
    "XMEX": ("WALMEX.MX", "CEMEXCPO"),
    WEEKDAYS: ("EURUSD", "USDJPY=X", "GBPUSD"),
    EVERY_DAY: ("BTC-USD", "ETHUSDT", "BTC/USD", "SHIB-USD"),
}
"""By calendar; any other one has instruments of its own name."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The daily bars of one instrument, oldest first, as exact as they are written."""

    symbol: str
    calendar: str
    decimals: int
    days: list[date]
    bars: Bars
    volumes: list[int]

    def __len__(self) -> int:
        return len(self.days)

    def without(self, rows: Sequence[int]) -> "Walk":
        """Return the walk without some of its rows."""
        kept = [row for row in range(len(self)) if row not in set(rows)]
        return replace(
            self,
            days=[self.days[row] for row in kept],
            bars={field: [prices[row] for row in kept] for field, prices in self.bars.items()},
            volumes=[self.volumes[row] for row in kept],
        )

    def times(self, factors: Sequence[float], decimals: int | None = None) -> "Walk":
        """Return the walk with every row's prices times its factor."""
        to = self.decimals if decimals is None else decimals
        bars = {
            field: [
                round(price * factor, to) for price, factor in zip(prices, factors, strict=True)
            ]
            for field, prices in self.bars.items()
        }
        return replace(self, bars=bars, decimals=to)


def a_walk(
    chance: Chance,
    *,
    calendar: str | None = None,
    scale: Scale | None = None,
    length: int | None = None,
    symbol: str | None = None,
    days: Sequence[date] | None = None,
) -> Walk:
    """Return a random walk; what is not said is chosen at random."""
    calendar = calendar or chance.choice([*SYMBOLS])
    scale = scale or chance.choice(COINS if calendar == EVERY_DAY else SCALES)
    days = list(days or _some_days(chance, calendar, length or a_length(chance)))
    sigma = chance.uniform(*scale.volatility)
    start = scale.low * (scale.high / scale.low) ** chance.random()
    while True:
        bars = _bars(chance, len(days), sigma, start, scale.decimals)
        if _longest_still(bars["close"]) <= _LONGEST_STILL and min(bars["low"]) > 0:
            break
    return Walk(
        symbol or chance.choice(SYMBOLS.get(calendar, (calendar[1:] + "A",))),
        calendar,
        scale.decimals,
        days,
        bars,
        [chance.randrange(10_000, 90_000_000) for _ in days],
    )


def a_length(chance: Chance) -> int:
    """Choose how many sessions a file has: short ones are as common as long ones."""
    return int(_FEWEST * (_MOST / _FEWEST) ** chance.random())


def bars_of(chance: Chance, closes: Sequence[float], sigma: float, decimals: int) -> Bars:
    """Return bars around closes; the first opens at its close."""
    random_ = np.random.default_rng(chance.getrandbits(64))
    close = np.asarray(closes)
    opened = np.r_[close[0], close[:-1]] * np.exp(random_.normal(0, sigma / 4, len(close)))
    high = np.maximum(opened, close) * np.exp(np.abs(random_.normal(0, sigma / 2, len(close))))
    low = np.minimum(opened, close) * np.exp(-np.abs(random_.normal(0, sigma / 2, len(close))))
    columns = {"open": opened, "high": high, "low": low, "close": close}
    # rounding keeps their order, and makes the numbers that the text of a file says
    return {field: [round(float(each), decimals) for each in columns[field]] for field in columns}


def _bars(chance: Chance, length: int, sigma: float, start: float, decimals: int) -> Bars:
    random_ = np.random.default_rng(chance.getrandbits(64))
    moves = np.clip(random_.normal(0, 1, length), -3.0, 3.0) * sigma
    # a walk that does not leave its scale, however long it is
    logs = np.zeros(length)
    for now in range(1, length):
        logs[now] = 0.995 * logs[now - 1] + moves[now]
    return bars_of(chance, (start * np.exp(logs)).tolist(), sigma, decimals)


def _some_days(chance: Chance, calendar: str, length: int) -> list[date]:
    first, last = known(calendar)
    days = [day for day in sessions(calendar) if first <= day <= last]
    # the shipped model was fitted on what is before 2020
    earliest = next(at for at, day in enumerate(days) if day >= date(2020, 3, 2))
    end = chance.randrange(max(length, earliest), len(days))
    return days[end - length : end]


def _longest_still(closes: Sequence[float]) -> int:
    longest = now = 1
    for before, after in pairwise(closes):
        now = now + 1 if before == after else 1
        longest = max(longest, now)
    return longest
