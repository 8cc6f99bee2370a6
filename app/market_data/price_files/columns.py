"""
Which column of a file is which, by its head and by what it holds.

`sample` are the first rows below the header, `at` a place in them.
"""

from collections.abc import Callable, Sequence
from typing import Final

from app.market_data.price_files.cells import dates, headings, numbers
from app.market_data.price_files.cells.headings import Head, Role

PRICES: Final[tuple[Role, ...]] = ("open", "high", "low", "close", "adjusted", "wanted")
_MAX_TEXTS: Final = 8
"""Columns of text that are looked at for instruments."""


def unknown_prices(
    head: Sequence[str],
    heads: Sequence[Head | None],
    roles: dict[Role, int],
    sample: Sequence[list[str]],
) -> str:
    """Find a column that moves with the closes, where the highs, say, have no name known here."""
    known = len({"open", "high", "low"} & roles.keys())
    if known == len(("open", "high", "low")) or "close" not in roles:
        return ""
    near = [
        head[at] for at in range(len(head))
        if heads[at] is None and at not in roles.values() and not headings.is_other(head[at])
        and is_near(sample, at, roles["close"])
    ]  # fmt: skip
    # beside closes alone one or two may be anything
    return near[0] if near and (known or len(near) > 2) else ""  # noqa: PLR2004


def is_near(sample: Sequence[list[str]], at: int, close: int) -> bool:
    """Tell whether a column moves with another: within half and twice of it throughout."""
    pairs = [(_figure(row, at), _figure(row, close)) for row in sample]
    whole = [(one, other) for one, other in pairs if one and other]
    return len(whole) > 1 and all(0.5 < one / other < 2 for one, other in whole)  # noqa: PLR2004


def _figure(row: Sequence[str], at: int) -> float | None:
    text = numbers.bare(row[at]) if at < len(row) and not is_dated(row[at]) else None
    try:
        return None if text is None else float(text.replace(",", "."))
    except ValueError:
        return None


def choose(heads: Sequence[Head | None], sample: Sequence[list[str]]) -> dict[Role, int]:
    """Choose the column of each role: the best named of those that hold what they should."""
    roles: dict[Role, int] = {}
    for role in (*PRICES, "volume", "instrument"):
        named = [
            (head.rank + (50 if head.tag else 0), at)
            for at, head in enumerate(heads)
            if head is not None and head.role == role and not head.copy
        ]
        if role in PRICES:
            held = [one for one in named if is_prices(sample, one[1]) or is_blank(sample, one[1])]
            named = held or [one for one in named if has_figures(sample, one[1])] or named
        if named:
            roles[role] = min(named)[1]
    dated = [
        (head.rank, at) for at, head in enumerate(heads)
        if head is not None and head.role == "date" and holds(sample, at, is_dated)
    ]  # fmt: skip
    written = [one for one in dated if not holds(sample, one[1], dates.is_count)]
    if dated:
        # of a date that is written and one that is counted, the written one
        roles["date"] = min(written or dated)[1]
    else:
        free = [
            at for at, known in enumerate(heads)
            if at not in roles.values() and (known is None or known.role == "date")
        ]  # fmt: skip
        at = _by_content(free, heads, sample)
        if at is not None:
            roles["date"] = at
    at = _time_of_day(heads, roles, sample)
    if at is not None:
        roles["time"] = at
    return roles


def _by_content(
    free: Sequence[int], heads: Sequence[Head | None], sample: Sequence[list[str]]
) -> int | None:
    """Find the first column that holds dates; of named ones also where some line is at fault."""
    for at in free:
        if holds(sample, at, dates.is_date):
            return at
    first = free[0] if free else None
    if first == 0 and holds(sample, 0, dates.is_count) and _skips_days(sample):
        return first
    # what is called a date and is none is refused by line
    return next(
        (
            at for at in free
            if (known := heads[at]) is not None and known.role == "date"
            # 201511 may be a month, and a time of day
            and (holds(sample, at, dates.is_month)
                 or (_holds_words(sample, at) and not holds(sample, at, dates.is_time)))
        ),
        None,
    )  # fmt: skip


def _holds_words(sample: Sequence[list[str]], at: int) -> bool:
    cells = [row[at] for row in sample if at < len(row) and row[at]]
    return not all(map(numbers.is_numeric, cells))


def _skips_days(sample: Sequence[list[str]]) -> bool:
    """Tell Excel's days from rows that are counted: sessions leave days out."""
    counts = [int(float(cells[0])) for cells in sample if dates.is_count(cells[0])]
    return abs(counts[-1] - counts[0]) > len(counts) - 1 if len(counts) > 1 else False


def _time_of_day(
    heads: Sequence[Head | None], roles: dict[Role, int], sample: Sequence[list[str]]
) -> int | None:
    if "date" not in roles:
        return None
    return next(
        (
            at for at, head in enumerate(heads)
            if head is not None and head.role in {"date", "time"} and at != roles["date"]
            and holds(sample, at, dates.is_time)
        ),
        None,
    )  # fmt: skip


def is_instrument(head: str) -> bool:
    """Tell whether a column is called Symbol or the like."""
    known = headings.meaning(head)
    return known is not None and known.role == "instrument"


def is_same(head: str, name: str) -> bool:
    """Tell whether a head is what somebody calls it, but for case and punctuation."""
    return head == name or headings.plain(head) == headings.plain(name) != ""


def is_dated(cell: str) -> bool:
    """Tell whether a cell may be a date, a count of days or seconds for one."""
    return dates.is_date(cell) or dates.is_count(cell)


def holds(sample: Sequence[list[str]], at: int, what: Callable[[str], bool]) -> bool:
    """Tell whether most cells of a column that are not empty are of a kind."""
    cells = [row[at] for row in sample if at < len(row) and row[at].lower() not in numbers.NO_PRICE]
    return bool(cells) and sum(map(what, cells)) * 2 > len(cells)


def is_blank(sample: Sequence[list[str]], at: int) -> bool:
    """Tell whether a column holds nothing."""
    return not any(at < len(row) and row[at].lower() not in numbers.NO_PRICE for row in sample)


def is_prices(sample: Sequence[list[str]], at: int) -> bool:
    """Tell whether most cells of a column that are not empty are numbers, and no dates."""
    return holds(sample, at, is_figure)


def has_figures(sample: Sequence[list[str]], at: int) -> bool:
    """Tell whether any cell of a column is a number."""
    return any(at < len(row) and is_figure(row[at]) for row in sample)


def is_figure(cell: str) -> bool:
    """Tell whether a cell is a number and no date."""
    return numbers.is_numeric(cell) and not dates.is_written(cell)


def texts_of(
    head: Sequence[str],
    heads: Sequence[Head | None],
    roles: dict[Role, int],
    sample: Sequence[list[str]],
) -> list[int]:
    """Return the columns that may name instruments: those that are called so, then other texts."""
    named = [
        at for at, known in enumerate(heads) if known is not None and known.role == "instrument"
    ]
    others = [
        at for at in range(len(head))
        if at not in roles.values() and at not in named
        and (holds(sample, at, _is_text) or (heads[at] is None and _is_code(sample, at)))
    ]  # fmt: skip
    return [*named, *others][:_MAX_TEXTS]


def _is_code(sample: Sequence[list[str]], at: int) -> bool:
    """Tell whether a column has few whole numbers: they may be those of instruments."""
    cells = {row[at] for row in sample if at < len(row)}
    return len(cells) * 2 <= len(sample) and all(map(str.isdecimal, cells))


def _is_text(cell: str) -> bool:
    return not (
        numbers.is_numeric(cell) or cell.endswith("%") or dates.is_time(cell) or dates.is_date(cell)
        or numbers.volume(cell) == numbers.volume(cell)
    )  # fmt: skip


def is_priced(head: Head | None) -> bool:
    """Tell whether a head is that of prices."""
    return head is not None and head.role in PRICES
