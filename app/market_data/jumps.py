"""
Moves of one session that no market makes: splits that were not adjusted for, units, wrong prices.

One rule for a request and for training. A move counts where it is large and far beyond what the
prices around it do. Which kind it is, its size says, and where there are bars the bar itself: a
split falls overnight, so that the session opens at the new level and moves as always, while a
market needs a wide range, or a part of the session, for a move like that.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from app.forecasting.arrays import Floats
from app.forecasting.screening import SMALLEST_JUMP

SPLITS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 75, 80)
"""And their inverses. Not 3 for 2: bad news takes a third off a price often enough."""
UNITS: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
"""And their inverses: pence and pounds, thousands. A price in tenths is more likely split."""

JumpCode: TypeAlias = Literal["possible_split", "unit_jump", "implausible_jump"]
JUMP_CODES: Final = frozenset({"possible_split", "unit_jump", "implausible_jump"})

_FACTORS: Final = np.array((*SPLITS, *UNITS), np.float64)
_LOG_FACTORS: Final = np.log(_FACTORS)
_SPLIT_WITHIN: Final = float(np.log1p(0.03))
_UNIT_WITHIN: Final = float(np.log1p(0.05))
"""How far from the factor a move may be, in logs, and more by its volatility:"""
_OWN_MOVE: Final = 4.0
"""volatilities that the day itself may have moved beside the split, and at most:"""
_WIDEST_TOLERANCE: Final = 0.14
"""half of what lies between 3 and 4."""

BEYOND: Final = 10.0
"""Volatilities below which a move is the market's."""
_NORMAL: Final = 1.4826
"""The standard deviation over the median absolute value, where moves are normal."""
_WINDOW: Final = 59
"""Moves that tell the volatility, around the one in question."""
_NEIGHBOURS: Final = 10
"""The nearest moves, which tell of a squeeze or a crash: it has many large ones together."""
_FEWEST_NEIGHBOURS: Final = 3
_WILDEST: Final = 0.2
"""The most that neighbours tell: a price taken back and forth by a wrong unit is no volatility."""
_WIDE: Final = 4.0
"""Usual ranges from which a bar has moved in trading, and not overnight."""
_BUSY: Final = 5.0
"""Usual volumes from which the market made a move; a split leaves shares or turnover alone."""


class Jump(NamedTuple):
    """A move from one session to the next that volatility does not explain."""

    row: int
    """That of the later session, from 0."""
    code: JumpCode
    times: float
    """The close over the one before."""
    factor: int | None
    """Of the split or the unit; None where it is neither."""
    volatility: float
    """The standard deviation of a session's log return around it."""
    median: float
    """The median absolute log return around it."""

    @property
    def like(self) -> str:
        """Say what the factor makes of it: `2 for 1`, or `1 for 8`."""
        return f"{self.factor} for 1" if self.times < 1 else f"1 for {self.factor}"


def find_jumps(history: Floats, volumes: Floats | None = None) -> list[Jump]:
    """
    Return the jumps of a history (sessions, fields), oldest first.

    Fields are open, high, low and close, or a single one; the last of them is looked at. `volumes`
    (sessions,) are in shares, NaN where one is not known. All prices are finite and above zero.
    """
    logs = np.log(history)
    returns = logs[1:, -1] - logs[:-1, -1]
    sizes = np.abs(returns)
    has_bars = logs.shape[1] > 1
    found = []
    for at in np.flatnonzero(sizes > SMALLEST_JUMP).tolist():
        begin = _begin(sizes, at, _WINDOW)
        median = _median(sizes[begin : begin + _WINDOW])
        volatility = _NORMAL * median
        code, factor = _kind(float(sizes[at]), volatility)
        around = slice(begin, begin + _WINDOW + 1)
        is_split = code == "possible_split" and _is_quiet(volumes, logs[:, -1], at, around)
        is_seen = is_split and has_bars and _is_overnight(logs[around], at - begin, volatility)
        if not is_seen:
            # nothing but its size speaks against the market, which may be in a turmoil
            volatility = max(volatility, _NORMAL * _of_neighbours(sizes, at))
        if sizes[at] <= BEYOND * volatility:
            continue
        if code == "possible_split" and not (is_seen if has_bars else is_split):
            code, factor = "implausible_jump", None
        with np.errstate(over="ignore"):
            times = float(np.exp(returns[at]))
        found.append(Jump(at + 1, code, times, factor, volatility, median))
    return found


def _begin(sizes: Floats, at: int, count: int) -> int:
    """Return where so many moves begin that have one in their middle, or as near as there are."""
    return max(0, min(at - count // 2, len(sizes) - count))


def _of_neighbours(sizes: Floats, at: int) -> float:
    """Return the median move beside one, which no single other jump raises; 0 for too few."""
    begin = _begin(sizes, at, _NEIGHBOURS + 1)
    beside = np.concatenate([sizes[begin:at], sizes[at + 1 : begin + _NEIGHBOURS + 1]])
    if len(beside) < _FEWEST_NEIGHBOURS:
        return 0.0
    return min(_median(beside), _WILDEST / _NORMAL)


def _kind(size: float, volatility: float) -> tuple[JumpCode, int | None]:
    """Tell which factor a move in logs is near to."""
    nearest = int(np.abs(_LOG_FACTORS - size).argmin())
    is_unit = nearest >= len(SPLITS)
    if abs(_LOG_FACTORS[nearest] - size) > _tolerance(volatility, is_unit=is_unit):
        return "implausible_jump", None
    return "unit_jump" if is_unit else "possible_split", int(_FACTORS[nearest])


def _tolerance(volatility: float, *, is_unit: bool) -> float:
    own = min(_OWN_MOVE * volatility, _WIDEST_TOLERANCE)
    return max(_UNIT_WITHIN if is_unit else _SPLIT_WITHIN, own)


def _is_overnight(logs: Floats, at: int, volatility: float) -> bool:
    """Tell whether bars (sessions, 4), in logs, open at a split's level and move as always then."""
    opens, highs, lows, closes = logs.T
    gap = opens[at + 1] - closes[at]
    move = closes[at + 1] - closes[at]
    ranges = highs - lows
    is_wide = ranges[at + 1] > _WIDE * _median(ranges)
    # the factor that the close is near to, not another one
    factor = _LOG_FACTORS[np.abs(_LOG_FACTORS - abs(move)).argmin()]
    is_near = abs(np.copysign(factor, move) - gap) <= _tolerance(volatility, is_unit=False)
    return bool(is_near and not is_wide)


def _is_quiet(volumes: Floats | None, closes: Floats, at: int, around: slice) -> bool:
    """Tell whether shares or turnover are as usual; where volumes are not known, they may be."""
    if volumes is None or not volumes[at + 1] > 0:
        return True
    known = volumes[around] > 0
    shares = volumes[around][known]
    if len(shares) < _WINDOW // 2:
        return True
    turnovers = shares * np.exp(closes[around][known])
    turnover = volumes[at + 1] * np.exp(closes[at + 1])
    return bool(
        volumes[at + 1] <= _BUSY * _median(shares) or turnover <= _BUSY * _median(turnovers)
    )


def _median(values: Floats) -> float:
    # not numpy's: the first call of that imports masked arrays, which takes milliseconds
    return float(np.sort(values)[len(values) // 2])
