"""
Bad data told apart from bad luck: what is said of prices that look damaged, never repaired.

`glance` looks at many windows in a few microseconds each, and misses nothing that `look` would
find; `look` finds the row and says why. A large move is no fault: it is one only where a split,
or a change of unit, would make just that, and the history's own volatility would not.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from app.scaling import Bools, Floats

SPLITS: Final = (2, 3, 4, 5, 10, 20)
"""And their inverses. Not 3 for 2: bad news takes a third off a price often enough."""
UNIT: Final = 100
STALE_SESSIONS: Final = 5

_SPLIT_WITHIN: Final = float(np.log1p(0.03))
_UNIT_WITHIN: Final = float(np.log1p(0.05))
"""How far from the factor a move may be, in logs, and more by its volatility: see `_tolerance`."""
_WIDEST: Final = 0.14
"""Half of what lies between 3 and 4, so that a move is near to one factor alone."""
_OWN_MOVE: Final = 4.0
"""Volatilities that the day itself may have moved beside the split."""
_BEYOND: Final = 10.0
"""Volatilities below which a move is the market's."""
_SAME: Final = 1e-6
"""Relative: closes that vendors computed in single precision differ by a tenth of this."""
_NORMAL: Final = 1.4826
"""The standard deviation over the median absolute value, where moves are normal."""
_LEAST: Final = float(np.log(SPLITS[0])) - _WIDEST
"""The smallest move that may be a split."""


class Remark(NamedTuple):
    """Something that a caller should know: a stable code, a sentence, and the row it is about."""

    code: str
    message: str
    row: int | None = None
    """From 0, in what was posted; None where it is about no single one."""


class Glance(NamedTuple):
    """What is seen of windows at once; every array is (n,)."""

    volatilities: Floats
    """The root of the mean square of the target's log returns."""
    largest: Floats
    """The largest of them, up or down."""
    suspects: Bools
    """Windows that `look` may have something to say of."""


def glance(windows: Floats) -> Glance:
    """Look at windows (n, sessions, fields)."""
    logs = np.log(windows[:, :, -1])
    returns = logs[:, 1:] - logs[:, :-1]
    sizes = np.abs(returns)
    # the ufuncs themselves: what numpy has around them costs more than they do
    largest: Floats = np.maximum.reduce(sizes, axis=1)
    repeated = np.add.reduce(sizes < _SAME, axis=1)
    return Glance(
        volatilities=np.sqrt(np.vecdot(returns, returns) / sizes.shape[1]),
        largest=largest,
        suspects=(largest > _LEAST) | (repeated >= STALE_SESSIONS),
    )


def look(history: Floats, first: int = 0) -> list[Remark]:
    """
    Say what is wrong with a history (sessions, fields), oldest first, by row.

    Rows count from `first`, that of the oldest session.
    """
    closes = history[:, -1]
    returns = np.diff(np.log(closes))
    found = sorted(
        [*_jumps(closes, returns), *_stale_runs(closes, returns)], key=lambda one: one[0]
    )
    return [Remark(code, message, first + row) for row, code, message in found]


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
    own = min(_OWN_MOVE * volatility, _WIDEST)
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
    same = np.abs(returns) < _SAME
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
