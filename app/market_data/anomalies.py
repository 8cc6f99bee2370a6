"""
Bad data told apart from bad luck: what is said of prices that look damaged, never repaired.

`glance` looks at many windows in a few microseconds each, and misses nothing that `look` would
find; `look` finds the row and says why. A large move is no fault: it is one only where a split,
or a change of unit, would make just that, and the history's own volatility would not.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from app.forecasting.arrays import Floats
from app.forecasting.screening import SPLITS, STALE_SESSIONS, UNCHANGED_WITHIN, WIDEST_TOLERANCE

UNIT: Final = 100

_SPLIT_WITHIN: Final = float(np.log1p(0.03))
_UNIT_WITHIN: Final = float(np.log1p(0.05))
"""How far from the factor a move may be, in logs, and more by its volatility: see `_tolerance`."""
_OWN_MOVE: Final = 4.0
"""Volatilities that the day itself may have moved beside the split."""
_BEYOND: Final = 10.0
"""Volatilities below which a move is the market's."""
_NORMAL: Final = 1.4826
"""The standard deviation over the median absolute value, where moves are normal."""


class DataWarning(NamedTuple):
    """Something that a caller should know: a stable code, a sentence, and the row it is about."""

    code: str
    message: str
    row: int | None = None
    """From 0, in what was posted; None where it is about no single one."""


def explain(history: Floats, first: int = 0) -> list[DataWarning]:
    """
    Say what is wrong with a history (sessions, fields), oldest first, by row.

    Rows count from `first`, that of the oldest session.
    """
    closes = history[:, -1]
    returns = np.diff(np.log(closes))
    found = sorted(
        [*_jumps(closes, returns), *_stale_runs(closes, returns)], key=lambda one: one[0]
    )
    return [DataWarning(code, message, first + row) for row, code, message in found]


_Found = Iterator[tuple[int, str, str]]


def _jumps(closes: Floats, returns: Floats) -> _Found:
    """Find moves that a split or another unit makes."""
    sizes = np.abs(returns)
    # the median, which no jump moves: it may be the first of the history, or one of several
    # not numpy's: the first call of that imports masked arrays, which takes milliseconds
    median = float(np.sort(sizes)[len(sizes) // 2])
    volatility = _NORMAL * median
    factors = np.log((*SPLITS, UNIT))
    distances = np.abs(sizes[:, None] - factors)
    nearest = distances.argmin(axis=1)
    own = min(_OWN_MOVE * volatility, WIDEST_TOLERANCE)
    within = np.where(nearest == len(SPLITS), max(_UNIT_WITHIN, own), max(_SPLIT_WITHIN, own))
    near = distances.min(axis=1) < within
    for at in np.flatnonzero(near & (sizes > _BEYOND * volatility)).tolist():
        times = closes[at + 1] / closes[at]
        factor = (*SPLITS, UNIT)[nearest[at]]
        moved = f"the close is {times:.4g} times the one before"
        if factor == UNIT:
            yield at + 1, "unit_jump", f"{moved}, as where the unit changes, of pence and pounds"
        else:
            like = f"{factor} for 1" if times < 1 else f"1 for {factor}"
            message = f"{moved}, like a split {like} that was not adjusted for"
            yield at + 1, "possible_split", f"{message}; the median move is {median:.1%}"


def _stale_runs(closes: Floats, returns: Floats) -> _Found:
    same = np.abs(returns) < UNCHANGED_WITHIN
    if np.count_nonzero(same) < STALE_SESSIONS:
        return
    begins = np.flatnonzero(~np.concatenate([[False], same]))
    for begin, end in zip(begins, np.append(begins[1:], len(closes)), strict=True):
        if end - begin > STALE_SESSIONS:
            yield (
                int(begin) + 1,
                "stale_run",
                f"the close is the same for {end - begin} sessions, from the row before this one",
            )
