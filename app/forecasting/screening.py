"""
Windows screened for what may be damaged in them, all at once, in a few microseconds each.

A screening misses nothing that `anomalies.explain` would find, which then looks for the row.
"""

from typing import Final, NamedTuple

import numpy as np

from app.forecasting.arrays import Bools, Floats

SMALLEST_JUMP: Final = 0.45
"""
The smallest log return that may be a fault, times 1.57 or 0.64: bad news takes a third off a price
often enough. See docs/guards.md for what was measured.
"""
STALE_SESSIONS: Final = 5
UNCHANGED_WITHIN: Final = 1e-6
"""Relative: closes that vendors computed in single precision differ by a tenth of this."""


class Screening(NamedTuple):
    """What is seen of windows at once; every array is (n,)."""

    volatilities: Floats
    """The root of the mean square of the target's log returns."""
    largest: Floats
    """The largest of them, up or down."""
    suspects: Bools
    """Windows that `explain` may have something to say of."""


def screen(windows: Floats) -> Screening:
    """Look at windows (n, sessions, fields)."""
    logs = np.log(windows[:, :, -1])
    returns = logs[:, 1:] - logs[:, :-1]
    sizes = np.abs(returns)
    # the ufuncs themselves: what numpy has around them costs more than they do
    largest: Floats = np.maximum.reduce(sizes, axis=1)
    repeated = np.add.reduce(sizes < UNCHANGED_WITHIN, axis=1)
    return Screening(
        volatilities=np.sqrt(np.vecdot(returns, returns) / sizes.shape[1]),
        largest=largest,
        suspects=(largest > SMALLEST_JUMP) | (repeated >= STALE_SESSIONS),
    )
