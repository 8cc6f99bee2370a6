"""A made-up instrument: seventy sessions, which files in all shapes are written of."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np

DAYS = [
    day for day in (date(2024, 4, 3) + timedelta(days=n) for n in range(98)) if day.weekday() < 5
]
SESSIONS = len(DAYS)


class Bar(NamedTuple):
    day: date
    open: float
    high: float
    low: float
    close: float


def walk(seed: int = 1, first: float = 189.22) -> list[Bar]:
    random = np.random.default_rng(seed)
    closes = np.round(first * np.exp(np.cumsum(random.normal(0, 0.01, SESSIONS))), 2)
    opens = np.round(closes * np.exp(random.normal(0, 0.004, SESSIONS)), 2)
    highs = np.round(np.maximum(opens, closes) * 1.006, 2)
    lows = np.round(np.minimum(opens, closes) * 0.994, 2)
    columns = (column.tolist() for column in (opens, highs, lows, closes))
    return [Bar(day, *row) for day, *row in zip(DAYS, *columns, strict=True)]


WALK = walk()
CLOSES = [bar.close for bar in WALK]


def epoch(day: date, ticks: int = 1, hour: int = 13) -> int:
    return int(datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC).timestamp()) * ticks
