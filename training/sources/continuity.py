"""
Does a run's data continue the last run's? New sessions, corrected days, and what must stop it.

Nobody looks at a run at night, so data that no market makes is refused here: a source that
shrank or went back, sessions that are still to come, prices in another unit. One odd row among
many instruments is no reason: `quality.check` flags what it can, and such rows are not used.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from app.market_data.jumps import JUMP_CODES
from training.datasets.windows import as_date
from training.sources import quality
from training.sources.csv_files import OHLC

LEAST_KEPT: Final = 0.9
"""The least share of instruments, of rows, and of instruments that end no earlier than before."""
ROUNDING: Final = 1e-6
"""
Two histories differ by one factor and rounding where their log prices do by less than this in the
root mean square: four decimals of a price of 30 are as fine.
"""
TYPICAL_SESSIONS: Final = 250
"""The newest known sessions, which tell how much an instrument moves."""
LEAST_VOLATILITY: Final = 0.012
MARKET_JUMP: Final = 11.0
"""
How many volatilities the median of five or more instruments may jump in one session.

With LEAST_VOLATILITY that is never less than 12.4 % down or 14.1 % up: the S&P 500 lost 12.0 % on
2020-03-16, and where a whole market has a limit it is 10 %. Of 160 US stocks in 2005 to 2019 the
most was 2.8, on 2015-08-24, and 5.3 by closes alone, on 2011-08-08. Smaller factors, such as that
of a currency worth nearly the same, cannot be told from a crash.
"""
MARKET_INSTRUMENTS: Final = 5
INSTRUMENT_JUMP: Final = 40.0
"""
How many one instrument may jump by itself: never less than 38 % down or 62 % up. Of the same 160
the most was 24, and 31 by closes alone.
"""
MOST_JUMPED: Final = 0.2
"""The share of instruments that may jump so, or look split, from one run to the next."""
_NORMAL: Final = 1.4826
"""Standard deviations in a median absolute deviation of normal values."""
_NAMED: Final = 3


class InstrumentSummary(BaseModel):
    """What is remembered of an instrument's bars."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rows: int
    first: date
    last: date
    last_close: float | None
    """The newest close that is a number."""
    shape: float
    """
    A weighted sum of all log prices less that of `last_close`, with other weights in every row:
    the same where one factor adjusted all prices, another where one price was corrected.
    """
    digest: str
    """Of all dates and prices."""

    @classmethod
    def of(cls, bars: pd.DataFrame) -> Self:
        """Summarise the bars of one instrument, at least one, oldest first."""
        days = bars["date"].to_numpy().astype("datetime64[D]")
        prices = bars[list(OHLC)].to_numpy(dtype=np.float64)
        closes = prices[~np.isnan(prices[:, 3]), 3]
        last_close = float(closes[-1]) if len(closes) else None
        logs = np.nan_to_num(np.log(prices / (last_close or 1.0))).ravel()
        # sines of whole numbers: as if by chance, and the same wherever they are computed; none
        # of them small, for the price that it weighs could change unseen
        sines = np.sin(np.arange(1.0, len(logs) + 1))
        weights = np.sign(sines) * (1 + np.abs(sines)) / 2
        content = days.astype("<i8").tobytes() + prices.astype("<f8").tobytes()
        return cls(
            rows=len(bars),
            first=as_date(days[0]),
            last=as_date(days[-1]),
            last_close=last_close,
            shape=float(weights @ logs),
            digest=hashlib.sha256(content).hexdigest()[:16],
        )

    def factor(self, before: Self) -> float | None:
        """Return what all prices were multiplied by since; None where they were not alike."""
        if (self.rows, self.first, self.last) != (before.rows, before.first, before.last):
            return None
        if self.last_close is None or before.last_close is None:
            return None
        # three standard deviations of what independent differences add up to, four in a row,
        # where the squares of the weights are 0.7 on average
        if abs(self.shape - before.shape) > 3 * ROUNDING * np.sqrt(2.8 * self.rows):
            return None
        return self.last_close / before.last_close


class DataSummary(BaseModel):
    """What a run was given, small enough to keep beside its record."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    instruments: dict[str, InstrumentSummary]

    @property
    def rows(self) -> int:
        """The rows of all instruments."""
        return sum(known.rows for known in self.instruments.values())

    @property
    def newest(self) -> date:
        """The newest session of any instrument."""
        return max((known.last for known in self.instruments.values()), default=date.min)


@dataclass(frozen=True, slots=True)
class Continuity:
    """How a run's data differ from the last run's."""

    new_sessions: int
    """Dates that are newer than all that were known."""
    corrected: tuple[str, ...]
    """What became of rows that were known, in sentences: worth telling, no reason to stop."""
    faults: tuple[str, ...]
    """Why the run must stop, in sentences."""


def summarise(bars: pd.DataFrame) -> DataSummary:
    """Summarise bars by instrument and date, as `open_source.read` gives them."""
    return DataSummary(
        instruments={name: InstrumentSummary.of(rows) for name, rows in _by_instrument(bars)}
    )


def check_continuity(before: DataSummary | None, bars: pd.DataFrame, today: date) -> Continuity:
    """
    Compare bars, by instrument and date, with the summary of those before; None: the first run.

    A session may be a day after `today`, for it may be tomorrow where the market is.
    """
    if bars.empty:
        return Continuity(0, (), ("the source has no rows",))
    ends = bars.groupby("instrument", sort=True)["date"].max().dt.date
    faults = list(_future_sessions(ends, today))
    days = bars["date"].drop_duplicates().dt.date
    if before is None:
        return Continuity(len(days), (), tuple(faults))
    faults += [*_shrinkage(before, bars, ends), *_jumps(before, bars)]
    return Continuity(
        new_sessions=int((days > before.newest).sum()),
        corrected=tuple(_corrections(before, bars)),
        faults=tuple(faults),
    )


def _by_instrument(bars: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, rows in bars.groupby("instrument", sort=True):
        yield str(name), rows


def _future_sessions(ends: pd.Series, today: date) -> Iterator[str]:
    late = ends[ends > today + timedelta(days=1)]
    if len(late):
        listed = _listed([f"{name} ({last})" for name, last in late.items()])
        yield f"sessions that are still to come, for today is {today}: {listed}"


def _shrinkage(before: DataSummary, bars: pd.DataFrame, ends: pd.Series) -> Iterator[str]:
    known = before.instruments
    gone = [name for name in known if name not in ends.index]
    if len(known) - len(gone) < LEAST_KEPT * len(known):
        yield f"{len(gone)} of {len(known)} instruments are gone: {_listed(gone)}"
    if len(bars) < LEAST_KEPT * before.rows:
        yield f"{len(bars)} rows are left of {before.rows}"
    newest = ends.max()
    shorter = [
        f"{name} ({ends[name]}, was {was.last})"
        for name, was in known.items()
        if name in ends.index and ends[name] < was.last
    ]
    if newest < before.newest:
        yield f"the source went back: its newest session is {newest}, and was {before.newest}"
    elif len(known) - len(shorter) < LEAST_KEPT * len(known):
        yield (
            f"{len(shorter)} of {len(known)} instruments end earlier than before:"
            f" {_listed(shorter)}"
        )


def _corrections(before: DataSummary, bars: pd.DataFrame) -> Iterator[str]:
    frames = dict(_by_instrument(bars))
    gone, changed, adjusted, rounded = [], [], [], []
    for name, was in before.instruments.items():
        rows = frames.get(name, bars[:0])
        known = rows[rows["date"] <= pd.Timestamp(was.last)]
        if known.empty:
            gone.append(f"{name} ({was.rows} rows to {was.last})")
            continue
        now = InstrumentSummary.of(known)
        factor = now.factor(was)
        if now.digest == was.digest:
            continue
        if factor is None:
            counts = "prices" if now.rows == was.rows else f"{now.rows} rows, were {was.rows}"
            changed.append(f"{name} ({counts} to {was.last})")
        elif abs(factor - 1) > ROUNDING:
            adjusted.append(f"{name} (times {factor:.6g})")
        else:
            rounded.append(name)
    for what, found in {
        "no longer there": gone,
        "corrected since": changed,
        "adjusted by one factor each": adjusted,
        "changed by no more than rounding": rounded,
    }.items():
        if found:
            yield f"{what}: {_listed(found)}"


def _jumps(before: DataSummary, bars: pd.DataFrame) -> Iterator[str]:
    """Compare the new sessions of known instruments with the known ones."""
    lasts = {name: pd.Timestamp(was.last) for name, was in before.instruments.items()}
    last = pd.to_datetime(bars["instrument"].map(lasts))
    fresh = bars["date"] > last
    if not fresh.any():
        return
    # of each instrument the known sessions that tell how it moves, and all that are new
    newest = bars[~fresh & last.notna()].groupby("instrument").tail(TYPICAL_SESSIONS + 1)
    recent = bars.loc[newest.index.union(bars.index[fresh])]

    rows = recent[recent["close"].notna()].drop_duplicates(["instrument", "date"])
    names, new = rows["instrument"], fresh[rows.index]
    closes = rows.groupby("instrument")["close"].shift()
    returns = pd.Series(np.abs(np.log(rows["close"] / closes)), rows.index)
    gaps = pd.Series(np.abs(np.log(rows["open"] / closes)), rows.index)
    volatilities = returns[~new].groupby(names).median().mul(_NORMAL).clip(lower=LEAST_VOLATILITY)
    # another unit begins overnight and stays, the worst of a crash comes during the day
    smaller = pd.Series(np.fmin(gaps, returns), rows.index)
    sizes = (smaller / names.map(volatilities))[new].dropna()
    moves = closes.map("close {:.6g}, then ".format) + rows["close"].map("{:.6g}".format)

    for day, found in sizes.groupby(rows["date"]):
        if len(found) >= MARKET_INSTRUMENTS and found.median() > MARKET_JUMP:
            listed = _listed([f"{names[row]} ({moves[row]})" for row in found.index])
            yield (
                f"on {day:%Y-%m-%d} the median of {len(found)} instruments jumps by"
                f" {found.median():.0f} volatilities, like another currency or unit: {listed}"
            )
    odd = {
        names[row]: f"{moves[row]} on {rows['date'][row]:%Y-%m-%d}"
        for row in sizes.index[sizes > INSTRUMENT_JUMP]
    }
    odd |= {
        flag.instrument: f"{flag.message}, on {flag.date}"
        for flag in quality.check(recent).flags
        if flag.code in JUMP_CODES and flag.date > before.instruments[flag.instrument].last
    }
    moved = names[new].nunique()
    if len(odd) > MOST_JUMPED * moved:
        listed = _listed([f"{name} ({what})" for name, what in odd.items()])
        yield f"{len(odd)} of {moved} instruments jump like a split or another unit: {listed}"


def _listed(items: Sequence[str]) -> str:
    more = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" and {more} more" if more > 0 else "")
