"""Panels made up: bars of instruments whose volatility is known, one date for each row of all."""

import numpy as np

from app.forecasting.arrays import Floats
from training.datasets.panel import Panel

_STEPS = 16
"""Of a session's walk: enough for a high and a low."""
_NIGHT = 0.25
"""Of a session's variance."""


def panel_of(*instruments: Floats) -> Panel:
    """Return a panel of these moves (rows, 4), in percent; all end on one day."""
    counts = [len(each) + 1 for each in instruments]
    usable = np.ones(sum(counts), dtype=np.bool_)
    usable[np.cumsum([0, *counts[:-1]])] = False
    last = np.datetime64("2010-01-01") + np.timedelta64(max(counts), "D")
    return Panel(
        moves=np.concatenate([np.r_[np.zeros((1, 4)), each] for each in instruments]),
        dates=np.concatenate(
            [last - np.arange(each, 0, -1, dtype="timedelta64[D]") for each in counts]
        ),
        instruments=np.repeat(np.arange(len(counts)), counts),
        names=tuple(f"I{number}" for number in range(len(counts))),
        usable=usable,
    )


def sessions_of(volatility: Floats, generator: np.random.Generator) -> Floats:
    """Draw moves (…, 4) of sessions of this volatility (…,) in percent; none has a drift."""
    night = np.sqrt(_NIGHT) * generator.normal(size=volatility.shape)
    walk = np.cumsum(generator.normal(size=(*volatility.shape, _STEPS)), axis=-1)
    walk *= np.sqrt((1 - _NIGHT) / _STEPS)
    # the open is a price of the session too
    high, low = np.maximum(walk.max(-1), 0), np.minimum(walk.min(-1), 0)
    moves: Floats = volatility[..., None] * np.stack([night, high, low, walk[..., -1]], axis=-1)
    return moves


def log_volatilities(
    instruments: int, sessions: int, *, clustering: float, generator: np.random.Generator
) -> Floats:
    """Draw log volatilities (instruments, sessions) that come back slowly to 0 (percent)."""
    shocks = clustering * generator.normal(size=(instruments, sessions))
    logs = np.zeros((instruments, sessions))
    for day in range(1, sessions):
        logs[:, day] = 0.97 * logs[:, day - 1] + shocks[:, day]
    return logs


def simulated(instruments: int, sessions: int, *, seed: int = 1, clustering: float = 0.2) -> Panel:
    """Return a panel of stochastic volatility, or of random walks where nothing clusters."""
    generator = np.random.default_rng(seed)
    logs = log_volatilities(instruments, sessions, clustering=clustering, generator=generator)
    return panel_of(*sessions_of(np.exp(logs), generator))
