"""How long the bars of a series are, by the days that they have: only daily ones are forecast."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Final

_LEAST_STEPS: Final = 4
"""From bar to bar: fewer say nothing."""
_LEAST_DAYS: Final = 4
"""From bar to bar, on average, of what may be no daily series."""
_SHARE: Final = 0.8
"""Of the steps that must be of the length that a series is called by: holidays move some."""
_LONGER: Final = {
    "weekly": range(5, 10),
    "monthly": range(26, 36),
    "quarterly": range(85, 98),
    "yearly": range(355, 376),
}
"""By days from a bar to the next."""
_DAY_MINUTES: Final = 24 * 60


def longer_than_daily(days: Sequence[date]) -> str | None:
    """Name the frequency of days, in order, further apart than sessions; None for daily."""
    steps = len(days) - 1
    if steps < _LEAST_STEPS or abs((days[-1] - days[0]).days) < _LEAST_DAYS * steps:
        # nearly always
        return None
    counts = Counter(abs((two - one).days) for one, two in pairwise(days))
    return next(
        (
            name
            for name, lengths in _LONGER.items()
            if sum(counts[each] for each in lengths) >= _SHARE * steps
        ),
        None,
    )


def shorter_than_daily(days: Sequence[date], minutes: Sequence[int | None]) -> str | None:
    """
    Name the frequency of bars of which a day has several, by their times; None for daily ones.

    Times are in minutes; days and times are in the order of the file.
    """
    counts = Counter(days)
    if sum(count > 1 for count in counts.values()) * 2 <= len(counts):
        return None
    steps = Counter(
        abs(two[1] - one[1])
        for one, two in pairwise(zip(days, minutes, strict=True))
        if one[0] == two[0] and one[1] is not None and two[1] is not None and one[1] != two[1]
    )
    if not steps:
        return None
    length = steps.most_common(1)[0][0]
    if length == 60:  # noqa: PLR2004 - minutes
        return "hourly"
    return f"{length // 60}-hour" if length % 60 == 0 else f"{length}-minute"
