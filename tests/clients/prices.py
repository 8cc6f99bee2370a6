"""Made-up prices, as a user of the client holds them."""

from typing import Any

import pandas as pd

from tests.builders import random_bars


def frame(rows: int = 90, *, last: str = "2026-11-20", seed: int = 7) -> pd.DataFrame:
    """Return daily bars of weekdays, oldest first, named as Yahoo names them."""
    days = pd.bdate_range(end=last, periods=rows, name="Date")
    bars = pd.DataFrame(random_bars(rows, seed=seed), index=days)
    return bars.rename(columns=str.title)


def bars_of(prices: pd.DataFrame) -> dict[str, list[float]]:
    """Return the columns as the service takes them."""
    return {str(name).lower(): prices[name].tolist() for name in prices}


def days_of(prices: pd.DataFrame) -> list[Any]:
    """Return the days of a frame."""
    index = prices.index
    assert isinstance(index, pd.DatetimeIndex)
    return list(index.date)
