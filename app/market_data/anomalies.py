"""
Bad data told apart from bad luck: what is said of prices that look damaged, never repaired.

`screening.screen` looks at many windows in a few microseconds each, and misses nothing that
`explain` would find; `explain` finds the row and says why. See `jumps` for what is no market's.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from app.forecasting.arrays import Floats
from app.forecasting.screening import STALE_SESSIONS, UNCHANGED_WITHIN
from app.market_data.jumps import find_jumps

_PENCE: Final = 100
_FILLED: Final = 0.2
"""The share of closes that do not move: weekends that were filled in make two sevenths."""


class DataWarning(NamedTuple):
    """Something that a caller should know: a stable code, a sentence, and the row it is about."""

    code: str
    message: str
    row: int | None = None
    """From 0, in what was posted; None where it is about no single one."""


def explain(history: Floats, first: int = 0) -> list[DataWarning]:
    """
    Say what is wrong with a history (sessions, fields), oldest first, by row.

    Fields are those of bars, or a single one. Rows count from `first`, that of the oldest session.
    """
    closes = history[:, -1]
    found = sorted([*_jumps(history), *_stale_runs(closes)], key=lambda one: one[0])
    return [DataWarning(code, message, first + row) for row, code, message in found]


_Found = Iterator[tuple[int, str, str]]


def _jumps(history: Floats) -> _Found:
    """Say what each jump is like."""
    for jump in find_jumps(history):
        row, moved = jump.row, f"the close is {jump.times:.4g} times the one before"
        usual = f"the median move is {jump.median:.1%}"
        match jump.code:
            case "unit_jump":
                by = ", of pence and pounds" if jump.factor == _PENCE else f" by {jump.factor}"
                yield row, "unit_jump", f"{moved}, as where the unit changes{by}"
            case "possible_split":
                like = f"like a split {jump.like} that was not adjusted for"
                yield row, "possible_split", f"{moved}, {like}; {usual}"
            case "implausible_jump":
                like = "which no split or unit that we know makes, and hardly a market"
                yield row, "implausible_jump", f"{moved}, {like}; {usual}"


def _stale_runs(closes: Floats) -> _Found:
    same = np.abs(np.diff(np.log(closes))) < UNCHANGED_WITHIN
    if np.count_nonzero(same) < STALE_SESSIONS:
        return
    begins = np.flatnonzero(~np.concatenate([[False], same]))
    is_told = False
    for begin, end in zip(begins, np.append(begins[1:], len(closes)), strict=True):
        if end - begin > STALE_SESSIONS:
            is_told = True
            yield (
                int(begin) + 1,
                "stale_run",
                f"the close is the same for {end - begin} sessions, from the row before this one",
            )
    repeated = int(np.count_nonzero(same))
    if not is_told and repeated >= _FILLED * len(same):
        message = (
            f"{repeated} of {len(closes)} closes are those of the row before, first here, as where"
            " days without trading were filled in"
        )
        yield int(same.argmax()) + 1, "repeated_closes", message
