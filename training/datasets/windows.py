"""Prices -> windows and what came next; every split is by date, for all instruments at once."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.forecasting.arrays import Bools, Floats

Dates = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Windows of prices, each with the price of the session after it."""

    windows: Floats
    """(n, sessions, 1), oldest first."""
    next_prices: Floats
    """(n,)"""
    dates: Dates
    """(n,) the session of `next_prices`, to the day."""
    instruments: NDArray[np.str_]
    """(n,)"""
    prior_closes: Floats
    """(n,) the close of the session before; not a number where it is not known."""

    def __len__(self) -> int:
        return len(self.next_prices)

    def where(self, chosen: Bools) -> "Examples":
        """Return the chosen examples."""
        return Examples(
            windows=self.windows[chosen],
            next_prices=self.next_prices[chosen],
            dates=self.dates[chosen],
            instruments=self.instruments[chosen],
            prior_closes=self.prior_closes[chosen],
        )

    def before(self, day: np.datetime64) -> "Examples":
        """Return those whose next session is before `day`: they know nothing of it or later."""
        return self.where(self.dates < day)

    def since(self, day: np.datetime64) -> "Examples":
        """Return those whose next session is `day` or later; their windows may begin before."""
        return self.where(self.dates >= day)

    @property
    def first(self) -> date:
        """The first session that is a next one."""
        return as_date(self.dates.min())

    @property
    def last(self) -> date:
        """The last session that is a next one."""
        return as_date(self.dates.max())


def cut_windows(prices: pd.DataFrame, window: int) -> Examples:
    """Cut every window of every instrument; those of `window` sessions or fewer give none."""
    parts = [
        _cut_one(str(instrument), rows, window)
        for instrument, rows in prices.groupby("instrument", sort=True)
        if len(rows) > window
    ]
    return Examples(
        windows=np.concatenate([part.windows for part in parts]),
        next_prices=np.concatenate([part.next_prices for part in parts]),
        dates=np.concatenate([part.dates for part in parts]),
        instruments=np.concatenate([part.instruments for part in parts]),
        prior_closes=np.concatenate([part.prior_closes for part in parts]),
    )


def newest_sessions(dates: Dates, sessions: int) -> np.datetime64 | None:
    """Return the first of the last `sessions` distinct dates; None where none would be left."""
    distinct = np.unique(dates)
    return distinct[-sessions] if len(distinct) > sessions else None


def _cut_one(instrument: str, rows: pd.DataFrame, window: int) -> Examples:
    values = rows["price"].to_numpy(dtype=np.float64)
    days = rows["date"].to_numpy().astype("datetime64[D]")
    return Examples(
        windows=sliding_window_view(values, window)[:-1, :, None],
        next_prices=values[window:],
        dates=days[window:],
        instruments=np.full(len(values) - window, instrument),
        prior_closes=rows["close"].to_numpy(dtype=np.float64)[window - 1 : -1],
    )


def as_date(day: np.datetime64) -> date:
    """Return a day as the standard library has it."""
    converted: date = day.astype("datetime64[D]").astype(object)
    return converted
