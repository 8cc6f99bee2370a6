"""Prices made up: walks and bars, as columns and as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from app.artifact.manifest import BARS
from app.forecasting.arrays import Floats

PRICES = [101.0, 102.0, 103.0, 104.0]

Columns = dict[str, list[float]]


def random_walk(rows: int, *, seed: int = 7, start: float = 100.0) -> Floats:
    """Return prices with normal returns of 1 %."""
    returns = np.random.default_rng(seed).normal(0, 0.01, rows)
    prices: Floats = start * np.exp(np.cumsum(returns))
    return prices


def random_bars(rows: int, *, seed: int = 7, start: float = 100.0) -> Columns:
    """Return bars around closes with normal returns of 1 %, as columns."""
    rng = np.random.default_rng(seed)
    closes = random_walk(rows, seed=seed, start=start)
    opens = np.r_[start, closes[:-1]] * np.exp(rng.normal(0, 0.003, rows))
    highs = np.maximum(opens, closes) * np.exp(np.abs(rng.normal(0, 0.004, rows)))
    lows = np.minimum(opens, closes) * np.exp(-np.abs(rng.normal(0, 0.004, rows)))
    columns = {"open": opens, "high": highs, "low": lows, "close": closes}
    return {field: column.tolist() for field, column in columns.items()}


def newest(bars: Columns, rows: int) -> Columns:
    return {field: column[-rows:] for field, column in bars.items()}


def write_csv(
    path: Path,
    prices: Sequence[float] | Floats,
    *,
    first: str = "2020-01-01",
    column: str = "Open",
    order: Literal["oldest", "newest"] = "oldest",
    form: Literal["iso", "us", "name"] = "iso",
) -> Path:
    """Write prices of successive days as Yahoo does, with a column that nobody asked for."""
    days = np.datetime64(first) + np.arange(len(prices), dtype="timedelta64[D]")
    written = {"iso": "%Y-%m-%d", "us": "%-m/%-d/%y", "name": "%-d-%b-%y"}[form]
    rows = [
        f"{day.astype(object).strftime(written)},{price!r},12345"
        for day, price in zip(days, map(float, prices), strict=True)
    ]
    if order == "newest":
        rows.reverse()
    path.write_text("\n".join([f"Date,{column},Volume", *rows]))
    return path


def write_bars(
    path: Path, sessions: int, *, seed: int = 0, first: str = "2015-01-02", low_above: int = -1
) -> Columns:
    """
    Write bars of successive weekdays as Yahoo does, twice the adjusted ones, and return them.

    Their log volatility wanders; each bar is a walk of 16 steps. The row `low_above`, if any,
    has a low above its close, which no bar can have.
    """
    random = np.random.default_rng(seed)
    shocks = random.normal(0, 0.15, sessions)
    logs = np.zeros(sessions)
    for now in range(1, sessions):
        logs[now] = 0.95 * logs[now - 1] + shocks[now]
    steps = random.standard_t(6, (sessions, 16)) * np.exp(logs)[:, None] * 0.0025
    prices = 50 * np.exp(np.cumsum(steps.ravel())).reshape(sessions, 16)
    bars = np.stack([prices[:, 0], prices.max(1), prices.min(1), prices[:, -1]], axis=1)
    if low_above >= 0:
        bars[low_above, 2] = bars[low_above, 3] * 1.05
    days = np.busday_offset(np.datetime64(first), np.arange(sessions), roll="forward")
    rows = [
        ",".join([str(day), *(repr(float(price)) for price in 2 * bar), repr(float(bar[3])), "9"])
        for day, bar in zip(days, bars, strict=True)
    ]
    path.write_text("\n".join(["Date,Open,High,Low,Close,Adj Close,Volume", *rows]))
    return {field: bars[:, column].tolist() for column, field in enumerate(BARS)}
