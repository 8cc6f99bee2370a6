"""Bars of many instruments -> moves without unit, and where each window of them ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.forecasting import scalers
from app.forecasting.arrays import Bools, Floats

Dates = NDArray[np.datetime64]
Rows = NDArray[np.int64]

_CHUNK: Final = 16_384
"""Windows that are copied at a time where they cannot stay views."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """
    Daily bars of many instruments, one after the other, oldest first within each.

    `moves` are `scaling.moves` of each row and the row before it, in percent: the open against
    the close before, then high, low and close against the open, (rows, 4); those of an
    instrument's first row are zero and belong to no window.
    """

    moves: Floats
    dates: Dates
    """(rows,) to the day."""
    instruments: NDArray[np.int64]
    """(rows,) which of `names`."""
    names: tuple[str, ...]
    usable: Bools
    """(rows,) False where `quality` found the row or the one before it not fit to learn from."""

    @classmethod
    def of(cls, bars: pd.DataFrame) -> Self:
        """Take checked bars (see `quality.check`), by instrument and date."""
        codes, names = pd.factorize(bars["instrument"])
        prices = bars[["open", "high", "low", "close"]].to_numpy(dtype=np.float64)
        moves = np.zeros_like(prices)
        rows_usable = bars["usable"].to_numpy(dtype=np.bool_)
        # a move needs both rows that it lies between
        usable = rows_usable & np.r_[False, rows_usable[:-1]] & ~_first_rows(codes)
        with np.errstate(divide="ignore", invalid="ignore"):
            moves[1:] = scalers.moves(prices[None])[0]
        moves[~usable] = 0
        return cls(
            moves=moves,
            dates=bars["date"].to_numpy().astype("datetime64[D]"),
            instruments=codes.astype(np.int64),
            names=tuple(map(str, names)),
            usable=usable,
        )

    @property
    def returns(self) -> Floats:
        """Return the log return of each row against the close before, in percent, (rows,)."""
        returns: Floats = self.moves[:, 0] + self.moves[:, 3]
        return returns

    def spans(self) -> Iterator[slice]:
        """Yield the rows of each instrument."""
        firsts = np.flatnonzero(_first_rows(self.instruments))
        for first, end in zip(firsts, [*firsts[1:], len(self.dates)], strict=True):
            yield slice(int(first), int(end))

    def ends(self, steps: int) -> Rows:
        """
        Return the last row of every window of `steps` moves whose next session is known.

        A window that holds an unusable row, or whose next session is one, is none.
        """
        found = []
        for span in self.spans():
            # the first row has no move; the one after the window is the one forecast
            fit = self.usable[span][1:]
            if len(fit) > steps:
                whole = sliding_window_view(fit, steps + 1).all(axis=1)
                found.append(np.flatnonzero(whole) + span.start + steps)
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def windows(self, ends: Rows, steps: int, *, closes_only: bool = False) -> Floats:
        """Copy the windows (n, steps, 4 or 1) that end at these rows; see `chunks`."""
        moves = self.returns[:, None] if closes_only else self.moves
        windows: Floats = moves[ends[:, None] + np.arange(1 - steps, 1)]
        return windows

    def bars(self, ends: Rows, steps: int) -> Floats:
        """
        Return the bars (n, steps + 1, 4) whose moves these windows are, in prices.

        Moves do not tell the level: every window begins at a close of 100, and its first bar,
        whose own move is not in the window, has no range.
        """
        moves = self.windows(ends, steps) / 100
        closes = 100 * np.exp(np.cumsum(moves[:, :, 0] + moves[:, :, 3], axis=1))
        before = np.concatenate([np.full((len(ends), 1), 100.0), closes[:, :-1]], axis=1)
        opens = before * np.exp(moves[:, :, 0])
        highs, lows = opens * np.exp(moves[:, :, 1]), opens * np.exp(moves[:, :, 2])
        later = np.stack([opens, highs, lows, closes], axis=2)
        return np.concatenate([np.full((len(ends), 1, 4), 100.0), later], axis=1)

    def chunks(self, ends: Rows) -> Iterator[Rows]:
        """Yield the rows in parts whose windows fit well into memory."""
        for start in range(0, len(ends), _CHUNK):
            yield ends[start : start + _CHUNK]


@dataclass(frozen=True, slots=True, eq=False)
class WindowSet:
    """Windows of a panel: `steps` moves each, of bars or of closes alone."""

    panel: Panel
    ends: Rows
    """(n,) the last row of each; the next session is known, see `Panel.ends`."""
    steps: int
    closes_only: bool = False

    @property
    def next_returns(self) -> Floats:
        """Return the log return of the session after each window, in percent, (n,)."""
        return self.panel.returns[self.ends + 1]

    def chunks(self) -> Iterator[Floats]:
        """Copy the windows, (.., steps, 4 or 1), in parts that fit well into memory."""
        for ends in self.panel.chunks(self.ends):
            yield self.panel.windows(ends, self.steps, closes_only=self.closes_only)


def _first_rows(codes: NDArray[np.int64]) -> Bools:
    """Tell which rows are the first of their instrument."""
    return np.r_[True, codes[1:] != codes[:-1]] if len(codes) else np.empty(0, dtype=np.bool_)
