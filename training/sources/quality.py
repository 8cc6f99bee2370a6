"""
Checks on daily bars: flags, never repairs.

A flagged row is not usable: a window that holds an unusable row, or whose next session is one,
is left out of fitting and scoring (see `panel`). No value is changed and no row is made up; of
rows that share a date the first is kept, unusable. An instrument with too few usable rows is
left out whole. A large move is no fault: it is flagged only far beyond the volatility around it,
by the rule that the service has for requests (`app.market_data.jumps`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.forecasting.arrays import Bools, Floats
from app.market_data.jumps import JUMP_CODES, Jump, find_jumps
from training.datasets.windows import Dates, as_date
from training.sources.csv_files import OHLC

Code: TypeAlias = Literal[
    "bad_price",
    "impossible_bar",
    "duplicate_date",
    "possible_split",
    "unit_jump",
    "implausible_jump",
    "stale_run",
    "gap",
    "too_short",
]

ROUNDING: Final = 1e-4
"""
How far, relatively, a bar's ends may lie outside its low to high: what rounding open and close to
four decimals apart from high and low can do to a price of one.
"""
STALE_SESSIONS: Final = 5
SAME_CLOSE: Final = 1e-6
"""Adjusted closes that vendors computed in single precision differ by a tenth of this."""
GAP_DAYS: Final = 13
"""
The longest closures of exchanges since 2003, session to session: 11 days in Tokyo (2019) and
Seoul (2017), 12 in Taipei (most New Years), 13 in Shanghai (2004); 7 in New York (2001).
"""
USABLE_ROWS: Final = 300


@dataclass(frozen=True, slots=True)
class Flag:
    """What is wrong with an instrument's bars, and where it begins."""

    instrument: str
    date: date
    code: Code
    message: str
    """One sentence with figures; prices are those of the frame, adjusted."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedBars:
    """Bars that were looked at."""

    bars: pd.DataFrame
    """As given, by instrument and date, each date once, with a boolean column `usable`."""
    flags: tuple[Flag, ...]
    """By instrument and date."""


# of absurd prices, which are flagged for what they are, even a ratio can be
@np.errstate(over="ignore")
def check(bars: pd.DataFrame) -> CheckedBars:
    """Check a frame of bars, as `csv_files.read_bars` gives it."""
    ordered = bars.sort_values(["instrument", "date"], ignore_index=True)
    first = ~ordered.duplicated(["instrument", "date"])
    rows_once = ordered[first].reset_index(drop=True)
    series = _Series.of(rows_once, times=np.diff(np.flatnonzero(np.append(first, True))))
    usable = np.ones(len(rows_once), dtype=np.bool_)
    flags = []
    for code, rule in _RULES.items():
        for rows, message in rule(series):
            usable[rows] = False
            flags.append(series.flag(rows.start, code, message))
    rows_once["usable"] = usable

    counts = rows_once.groupby("instrument")["usable"].transform("sum").to_numpy()
    short = counts < USABLE_ROWS
    for last in _where(short & np.append(series.firsts[1:], True)):
        message = f"{counts[last]} usable sessions, needs {USABLE_ROWS}: left out"
        flags.append(series.flag(last, "too_short", message))
    return CheckedBars(
        bars=rows_once[~short].reset_index(drop=True),
        flags=tuple(sorted(flags, key=lambda flag: (flag.instrument, flag.date))),
    )


def check_column(prices: pd.DataFrame) -> tuple[Flag, ...]:
    """
    Flag the jumps in a single column of prices, as `csv_files.read_csv` gives it.

    Nothing is left out for them: such a recipe forecasts the file that it is given.
    """
    bars = prices[["instrument", "date"]].assign(
        **dict.fromkeys(OHLC, prices["price"]), volume=np.nan
    )
    return tuple(flag for flag in check(bars).flags if flag.code in JUMP_CODES)


def _where(found: Bools) -> list[int]:
    return [int(row) for row in np.flatnonzero(found)]


class _Move(NamedTuple):
    before: int
    """The row of the close that it is from."""
    row: int
    jump: Jump


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """The columns of a frame of bars, each (rows,) but for `prices`, (rows, 4)."""

    instruments: pd.Series
    dates: Dates
    prices: Floats
    """NaN where one is not finite or not above zero."""
    times: NDArray[np.int64]
    """How often the row's date came."""
    firsts: Bools
    """True where an instrument begins."""
    returns: Floats
    """Log returns of closes; NaN in first rows, and where one of the closes is."""
    jumps: tuple["_Move", ...]
    """Moves that no market makes, whatever lies between their rows."""

    @classmethod
    def of(cls, rows: pd.DataFrame, times: NDArray[np.int64]) -> "_Series":
        """Take a frame by instrument and date, each date once."""
        prices = rows[list(OHLC)].to_numpy(dtype=np.float64)
        firsts = ~rows["instrument"].duplicated().to_numpy(dtype=np.bool_)
        prices = np.where(np.isfinite(prices) & (prices > 0), prices, np.nan)
        return cls(
            instruments=rows["instrument"],
            dates=rows["date"].to_numpy().astype("datetime64[D]"),
            prices=prices,
            times=times,
            firsts=firsts,
            returns=np.where(firsts, np.nan, np.diff(np.log(prices[:, 3]), prepend=np.nan)),
            jumps=tuple(_jumps(prices, rows["volume"].to_numpy(dtype=np.float64), firsts)),
        )

    def flag(self, row: int, code: Code, message: str) -> Flag:
        """Flag a row."""
        return Flag(str(self.instruments.iloc[row]), as_date(self.dates[row]), code, message)


_Found: TypeAlias = Iterator[tuple[slice, str]]
"""Rows that are not usable, and why: the flag has the date of the first of them."""


def _bad_price(series: _Series) -> _Found:
    bad: Bools = np.isnan(series.prices)
    for row in _where(np.any(bad, axis=1)):
        listed = ", ".join(name for name, wrong in zip(OHLC, bad[row], strict=True) if wrong)
        yield slice(row, row + 1), f"not a finite number above zero: {listed}"


def _impossible_bar(series: _Series) -> _Found:
    opens, highs, lows, closes = series.prices.T
    below = lows / np.minimum(opens, closes) - 1
    above = 1 - highs / np.maximum(opens, closes)
    outside: Floats = np.maximum(below, above)
    for row in _where(outside > ROUNDING):
        message = (
            f"open {opens[row]:.6g} or close {closes[row]:.6g} lies {outside[row]:.2%} outside"
            f" low {lows[row]:.6g} to high {highs[row]:.6g}"
        )
        yield slice(row, row + 1), message


def _duplicate_date(series: _Series) -> _Found:
    for row in _where(series.times > 1):
        yield slice(row, row + 1), f"the date comes {series.times[row]} times; the first is kept"


def _jumps(prices: Floats, volumes: Floats, firsts: Bools) -> Iterator[_Move]:
    """Find the jumps of each instrument, from one row that has its prices to the next."""
    priced: Bools = ~np.any(np.isnan(prices), axis=1)
    ends = [*_where(firsts), len(prices)]
    for begin, end in pairwise(ends):
        rows = begin + np.flatnonzero(priced[begin:end])
        for jump in find_jumps(prices[rows], volumes[rows]):
            yield _Move(int(rows[jump.row - 1]), int(rows[jump.row]), jump)


def _possible_split(series: _Series) -> _Found:
    for move in series.jumps:
        if move.jump.code == "possible_split":
            yield _jumped(series, move, f"like a split {move.jump.like}")


def _unit_jump(series: _Series) -> _Found:
    for move in series.jumps:
        if move.jump.code == "unit_jump":
            yield _jumped(series, move, f"like a change of unit by {move.jump.factor}")


def _implausible_jump(series: _Series) -> _Found:
    for move in series.jumps:
        if move.jump.code == "implausible_jump":
            yield _jumped(series, move, "like no split or unit")


def _jumped(series: _Series, move: _Move, like: str) -> tuple[slice, str]:
    before, after = series.prices[[move.before, move.row], 3]
    moved = f"close {before:.6g}, then {after:.6g}: times {move.jump.times:.4g}"
    message = f"{moved}, {like}; volatility was {move.jump.volatility:.1%}"
    return slice(move.row, move.row + 1), message


def _stale_run(series: _Series) -> _Found:
    same = np.abs(series.returns) < SAME_CLOSE
    begins = np.flatnonzero(~same)
    for begin, end in zip(begins, np.append(begins, len(same))[1:], strict=True):
        if end - begin >= STALE_SESSIONS:
            close = series.prices[begin, 3]
            message = (
                f"the close is {close:.6g} for {end - begin} sessions, to {series.dates[end - 1]}"
            )
            yield slice(begin + 1, end), message


def _gap(series: _Series) -> _Found:
    days = np.diff(series.dates, prepend=series.dates[:1]).astype(np.int64)
    for row in _where((days > GAP_DAYS) & ~series.firsts):
        message = f"{days[row]} days after the session before, {series.dates[row - 1]}"
        yield slice(row, row + 1), message


_RULES: Final[dict[Code, Callable[[_Series], _Found]]] = {
    "bad_price": _bad_price,
    "impossible_bar": _impossible_bar,
    "duplicate_date": _duplicate_date,
    "possible_split": _possible_split,
    "unit_jump": _unit_jump,
    "implausible_jump": _implausible_jump,
    "stale_run": _stale_run,
    "gap": _gap,
}
