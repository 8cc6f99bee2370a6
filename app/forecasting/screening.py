"""
Windows screened for what may be damaged in them, all at once, in a few microseconds each.

A screening misses nothing that `anomalies.explain` would find, which then looks for the row.
"""

from typing import Final, NamedTuple

import numpy as np

from app.forecasting.arrays import Bools, Floats

SPLITS: Final = (2, 3, 4, 5, 10, 20)
"""And their inverses. Not 3 for 2: bad news takes a third off a price often enough."""
STALE_SESSIONS: Final = 5
WIDEST_TOLERANCE: Final = 0.14
"""Half of what lies between 3 and 4, so that a move is near to one factor alone."""
UNCHANGED_WITHIN: Final = 1e-6
"""Relative: closes that vendors computed in single precision differ by a tenth of this."""
_SMALLEST_SPLIT: Final = float(np.log(SPLITS[0])) - WIDEST_TOLERANCE
"""The smallest move that may be a split."""


class Screening(NamedTuple):
    """What is seen of windows at once; every array is (n,)."""

    volatilities: Floats
    """The root of the mean square of the target's log returns."""
    largest: Floats
    """The largest of them, up or down."""
    suspects: Bools
    """Windows that `look` may have something to say of."""


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
        suspects=(largest > _SMALLEST_SPLIT) | (repeated >= STALE_SESSIONS),
    )
