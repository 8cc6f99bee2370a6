"""The levels of the quantiles that are forecast, and what each of them weighs in a score."""

from typing import Final

import numpy as np

from app.forecasting.arrays import Floats

LEVELS: Final = np.array(
    [0.005, 0.01, 0.025, 0.05, *np.arange(10, 95, 10) / 100, 0.95, 0.975, 0.99, 0.995]
)
"""Of the quantiles that are forecast."""


def level_weights(levels: Floats) -> Floats:
    """Return how much of (0, 1) each level stands for in `crps`, (k,); their sum is one."""
    middles = (levels[1:] + levels[:-1]) / 2
    return np.diff(middles, prepend=0, append=1)
