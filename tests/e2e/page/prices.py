"""Made-up prices as files, and figures as the page writes them."""

import numpy as np

from tests.builders import random_bars


def csv_of(sessions: int, *, first: str = "2006-01-02") -> str:
    """Write bars of successive weekdays as a file."""
    bars = random_bars(sessions)
    days = np.busday_offset(np.datetime64(first), np.arange(sessions), roll="forward")
    rows = zip(days, *bars.values(), strict=True)
    lines = [",".join([str(day), *(f"{each:.4f}" for each in bar)]) for day, *bar in rows]
    return "\n".join(["Date,Open,High,Low,Close", *lines])


def number(text: str) -> float:
    return float(text.replace(",", ""))
